import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isPatchable, patchJson } from "./json-patch.ts";

const patched = (document: unknown, operations: unknown): unknown => {
  const text = patchJson(JSON.stringify(document), JSON.stringify(operations));
  return text === undefined ? "refused" : JSON.parse(text);
};

const nestedList = (depth: number): unknown => (depth === 0 ? 1 : [nestedList(depth - 1)]);

describe("JSON Patch", () => {
  // The examples of RFC 6902, appendix A, and of RFC 6901.
  test.each<[string, unknown, unknown, unknown]>([
    ["adds a member", { foo: "bar" }, [{ op: "add", path: "/baz", value: "qux" }], { foo: "bar", baz: "qux" }],
    ["adds an element", { foo: ["a", "c"] }, [{ op: "add", path: "/foo/1", value: "b" }], { foo: ["a", "b", "c"] }],
    ["adds at the end", { foo: ["a"] }, [{ op: "add", path: "/foo/-", value: ["b"] }], { foo: ["a", ["b"]] }],
    ["removes a member", { baz: 1, foo: 2 }, [{ op: "remove", path: "/baz" }], { foo: 2 }],
    ["removes an element", { foo: [1, 2, 3] }, [{ op: "remove", path: "/foo/1" }], { foo: [1, 3] }],
    ["replaces a value", { baz: 1, foo: 2 }, [{ op: "replace", path: "/baz", value: "b" }], { baz: "b", foo: 2 }],
    ["replaces an element", [1, 2, 3], [{ op: "replace", path: "/1", value: 9 }], [1, 9, 3]],
    ["replaces the whole", { a: 1 }, [{ op: "replace", path: "", value: [1] }], [1]],
    ["moves a value", { a: { w: 1 }, q: {} }, [{ op: "move", from: "/a/w", path: "/q/t" }], { a: {}, q: { t: 1 } }],
    ["moves an element", [1, 2, 3, 4], [{ op: "move", from: "/1", path: "/3" }], [1, 3, 4, 2]],
    ["copies a value", { a: [1] }, [{ op: "copy", from: "/a", path: "/b" }], { a: [1], b: [1] }],
    [
      "tests a value",
      { b: { x: 1, y: [2] } },
      [{ op: "test", path: "/b", value: { y: [2], x: 1 } }],
      { b: { x: 1, y: [2] } },
    ],
    [
      "reads escapes",
      { "a/b": 1, "m~n": 2 },
      [
        { op: "remove", path: "/a~1b" },
        { op: "remove", path: "/m~0n" },
      ],
      {},
    ],
    ["reads an empty name", { "": 1 }, [{ op: "replace", path: "/", value: 2 }], { "": 2 }],
  ])("%s", (_what, document, operations, expected) => {
    expect(patched(document, operations)).toEqual(expected);
  });

  test.each<[string, unknown, unknown]>([
    ["a test that fails", { a: 1 }, [{ op: "test", path: "/a", value: 2 }]],
    ["a test that swaps list and object", { a: [["x", 1]] }, [{ op: "test", path: "/a", value: { x: 1 } }]],
    ["a missing parent", { q: 1 }, [{ op: "add", path: "/a/b", value: 1 }]],
    ["a missing target", { q: 1 }, [{ op: "remove", path: "/a" }]],
    ["an index past the end", [1], [{ op: "add", path: "/2", value: 1 }]],
    ["an index with a leading zero", [1, 2], [{ op: "remove", path: "/01" }]],
    ["a move into itself", { a: { b: {} } }, [{ op: "move", from: "/a", path: "/a/b/c" }]],
    ["a pointer without a slash", { a: 1 }, [{ op: "remove", path: "a" }]],
    ["an unknown operation", {}, [{ op: "explode", path: "" }]],
    ["an add without a value", {}, [{ op: "add", path: "/a" }]],
    ["a prototype", {}, [{ op: "add", path: "/__proto__/polluted", value: 1 }]],
    ["a patch that is no list", {}, { op: "remove", path: "" }],
    ["what is nested too deep", {}, [{ op: "add", path: "/a", value: nestedList(70) }]],
  ])("refuses %s", (_what, document, operations) => {
    expect(patched(document, operations)).toBe("refused");
  });

  test("refuses copies of copies that would fill the memory, and takes those that fit", () => {
    const doubling = { op: "copy", from: "", path: "/-" };
    expect(
      patched(
        [1],
        Array.from({ length: 60 }, () => doubling),
      ),
    ).toBe("refused");
    expect(patched([1], [doubling, doubling])).toEqual([1, [1], [1, [1]]]);
  });

  test("refuses text that is no JSON, and takes no text as null", () => {
    expect(patchJson("not json", "[]")).toBeUndefined();
    expect(patchJson("{}", "not json")).toBeUndefined();
    expect(patchJson("", '[{"op":"add","path":"","value":1}]')).toBe("1");
    expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
  });

  test("says what can be patched: JSON that is not nested too deep", () => {
    expect([isPatchable("[]"), isPatchable(JSON.stringify(nestedList(64)))]).toEqual([true, true]);
    expect([isPatchable(""), isPatchable("{"), isPatchable(JSON.stringify(nestedList(65)))]).toEqual([
      false,
      false,
      false,
    ]);
  });

  test("answers any text without throwing, and with JSON of bounded depth", () => {
    const operation = fc.record({
      op: fc.constantFrom("add", "remove", "replace", "move", "copy", "test"),
      path: fc.constantFrom("", "/a", "/a/0", "/a/-", "/b/c", "/0"),
      from: fc.constantFrom("", "/a", "/a/0", "/b"),
      value: fc.jsonValue({ maxDepth: 3 }),
    });
    fc.assert(
      fc.property(fc.jsonValue(), fc.array(operation, { maxLength: 8 }), (document, operations) => {
        const text = patchJson(JSON.stringify(document), JSON.stringify(operations));
        expect(text === undefined || JSON.stringify(JSON.parse(text)) === text).toBe(true);
      }),
      { seed: 6902, numRuns: 500 },
    );
  });
});
