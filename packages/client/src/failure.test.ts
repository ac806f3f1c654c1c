import { describe, expect, test } from "vitest";
import { refusal } from "./failure.ts";

describe("SPEC 12.1: a refusal", () => {
  test("has the code and the words that it was told with", () => {
    expect(refusal("forbidden", "only operators write this")).toMatchObject({
      code: "forbidden",
      message: "only operators write this",
    });
  });

  test("without words has its code as the message", () => {
    expect(refusal("forbidden")).toMatchObject({ code: "forbidden", message: "forbidden" });
  });

  test("with a word of a later version is internal, and the message is that word", () => {
    expect(refusal("too_loud")).toMatchObject({ code: "internal", message: "too_loud" });
  });
});
