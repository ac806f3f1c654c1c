import { describe, expect, test } from "vitest";
import { type Versioned, Versions } from "./versions.ts";

const message = (id: string, parentId = "", more: Partial<Versioned> = {}): Versioned => ({
  id,
  parentId,
  editOf: "",
  regenerates: "",
  ...more,
});

const shown = (messages: readonly Versioned[], chosen: ReadonlyMap<string, string> = new Map()): string =>
  messages
    .map(({ id }) => id)
    .filter((id) => new Versions(messages, chosen).shows(id))
    .join(" ");

describe("the conversation", () => {
  test("shows messages that follow one another", () => {
    expect(shown([message("a"), message("b", "a"), message("c", "b")])).toBe("a b c");
  });

  test("shows two answers to one message: neither replaces the other", () => {
    expect(shown([message("a"), message("b", "a"), message("c", "a")])).toBe("a b c");
  });

  test("shows the latest version of an edited message, without what followed the earlier ones", () => {
    const messages = [message("a"), message("b", "a"), message("a2", "", { editOf: "a" }), message("b2", "a2")];
    expect(shown(messages)).toBe("a2 b2");
    expect(shown(messages, new Map([["a", "a"]]))).toBe("a b");
  });

  test("counts a version of a version to the same message", () => {
    const messages = [
      message("a"),
      message("b", "a"),
      message("b2", "a", { regenerates: "b" }),
      message("b3", "a", { regenerates: "b2" }),
    ];
    expect(new Versions(messages, new Map()).of("b2")).toEqual(["b", "b2", "b3"]);
    expect(shown(messages)).toBe("a b3");
    expect(shown(messages, new Map([["b", "b2"]]))).toBe("a b2");
  });

  test("goes on where the parent has left the recent state", () => {
    expect(shown([message("b", "archived"), message("c", "b")])).toBe("b c");
  });

  test("shows the latest where the chosen version is gone", () => {
    const messages = [message("a"), message("a2", "", { editOf: "a" })];
    expect(shown(messages, new Map([["a", "removed"]]))).toBe("a2");
  });

  test("does not hang on messages that speak of each other in a circle", () => {
    const circle = [message("a", "b", { editOf: "b" }), message("b", "a", { editOf: "a" })];
    expect(shown(circle)).toMatch(/^(|a|b)$/);
  });
});
