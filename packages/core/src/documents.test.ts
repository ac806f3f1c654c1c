import type { AudienceJson, DocumentPatchedJson, DocumentReplacedJson } from "@perdure/protocol";
import { describe, expect, test } from "vitest";
import { codeOf, type Pen, seqOf, storyAtWork } from "./testing/story.ts";
import { fromHead, type Limits, mergePatch, patchSince, project } from "./index.ts";

const staff = { audience: "AUDIENCE_STAFF" } as const;

function sharing(limits: Partial<Limits> = {}) {
  const work = storyAtWork(limits);
  const { story } = work;
  const op = story.pen("op", "ROLE_OPERATOR");
  const replace = (
    pen: Pen,
    content: string,
    more: DocumentReplacedJson = {},
    audience: AudienceJson = "AUDIENCE_ALL",
  ) => story.write(pen, { documentReplaced: { name: "plan", content, ...more } }, { audience });
  const patch = (pen: Pen, more: DocumentPatchedJson) =>
    story.write(pen, { documentPatched: { name: "plan", baseSeq: story.state.seq, ...more } });
  const contents = () => [...story.state.documents.values()].map(({ content }) => content);
  return { ...work, op, replace, patch, contents };
}

const add = (path: string, value: unknown): string => JSON.stringify([{ op: "add", path, value }]);

describe("a document", () => {
  test("SPEC 7.5: is begun, replaced and patched by whoever may write, and says who changed it last", () => {
    const { story, ann, bot, attempt, replace, patch } = sharing();
    const begun = replace(ann, '{"days": 3}');
    const patched = patch(bot, { patch: add("/days", 4) });
    expect([codeOf(begun), codeOf(patched)]).toEqual(["accepted", "accepted"]);
    const fields = { id: "ann:3:0", name: "plan", content: '{"days":4}', changedBy: "bot", changed: seqOf(patched) };
    expect([...story.state.documents.values()]).toMatchObject([fields]);
    expect(codeOf(story.write(bot, { documentRemoved: { name: "plan" } }, { attempt }))).toBe("accepted");
    expect(codeOf(patch(ann, { patch: "[]" }))).toBe("not_found");
    replace(ann, "[]");
    expect([...story.state.documents.keys()]).toEqual([`ann:${ann.number}:0`]);
  });

  test("SPEC 7.5: changed since the writer saw it, is not changed by it", () => {
    const { story, ann, bot, replace, patch, contents } = sharing();
    const first = seqOf(replace(ann, "{}"));
    const second = seqOf(patch(bot, { patch: add("/a", 1), baseSeq: first }));
    expect(codeOf(patch(ann, { patch: add("/a", 2), baseSeq: first }))).toBe("document_conflict");
    expect(codeOf(replace(ann, "[]", { baseSeq: first }))).toBe("document_conflict");
    const remove = (baseSeq: number) => codeOf(story.write(ann, { documentRemoved: { name: "plan", baseSeq } }));
    expect(remove(first)).toBe("document_conflict");
    expect(codeOf(patch(ann, { patch: add("/a", 2), baseSeq: story.state.seq + 1 }))).toBe("document_conflict");
    expect(contents()).toEqual(['{"a":1}']);
    expect(codeOf(patch(ann, { patch: add("/a", 2), baseSeq: second }))).toBe("accepted");
    expect(codeOf(replace(ann, "[]"))).toBe("accepted");
    expect(remove(story.state.seq)).toBe("accepted");
  });

  test("SPEC 7.5: is begun once by those who know of none", () => {
    const { ann, bot, replace, contents } = sharing();
    expect(codeOf(replace(ann, "1", { baseSeq: 0 }))).toBe("accepted");
    expect(codeOf(replace(bot, "2", { baseSeq: 0 }))).toBe("document_conflict");
    expect(codeOf(replace(bot, "2", { name: "other", baseSeq: 3 }))).toBe("document_conflict");
    expect(contents()).toEqual(["1"]);
  });

  test("SPEC 12.2: is JSON, and stays it", () => {
    const { ann, replace, patch, contents } = sharing();
    expect(codeOf(replace(ann, "no json"))).toBe("invalid_event");
    expect(codeOf(replace(ann, `${"[".repeat(65)}${"]".repeat(65)}`))).toBe("invalid_event");
    replace(ann, "{}");
    expect(codeOf(patch(ann, { patch: add("/a/b", 1) }))).toBe("invalid_patch");
    expect(codeOf(patch(ann, { patch: "{}" }))).toBe("invalid_patch");
    expect(contents()).toEqual(["{}"]);
  });

  test("SPEC 13.4: for staff is another one than that of the same name for all", () => {
    const { story, ann, op, replace } = sharing();
    replace(op, '"secret"', {}, "AUDIENCE_STAFF");
    expect(codeOf(replace(ann, '"open"', { baseSeq: 0 }))).toBe("accepted");
    const shown = (level: "all" | "staff") => project(story.state, level).documents?.map(({ content }) => content);
    expect([shown("all"), shown("staff")]).toEqual([['"open"'], ['"secret"', '"open"']]);
    expect(codeOf(story.write(op, { documentRemoved: { name: "plan" } }, staff))).toBe("accepted");
    expect(shown("staff")).toEqual(['"open"']);
    // Not even what it was called is told to those who did not see it.
    expect(JSON.stringify(patchSince(story.state, 0, "all")?.tombstones)).not.toContain("plan");
  });

  test("SPEC 10.9: that was removed is taken away from readers who still have it, also where it was begun anew", () => {
    const { story, ann, replace } = sharing();
    replace(ann, "1");
    replace(ann, "2", { name: "board" });
    const reader = fromHead(project(story.state, "all"));
    story.write(ann, { documentRemoved: { name: "plan" } });
    story.write(ann, { documentRemoved: { name: "board" } });
    replace(ann, "3");
    mergePatch(reader, patchSince(story.state, reader.seq, "all") ?? {});
    expect([...reader.documents.values()].map(({ name, content }) => [name, content])).toEqual([["plan", "3"]]);
    expect(reader.documentWeight).toBe(story.state.documentWeight);
  });

  test("SPEC 11.7: has a size, all have one together, and a number; people may use half of it", () => {
    const { story, ann, bot, replace, patch } = sharing({ documents: 4, documentBytes: 2000, documentsBytes: 6000 });
    const text = (length: number): string => JSON.stringify("x".repeat(length));
    expect(codeOf(replace(ann, text(2000)))).toBe("too_large");
    expect(codeOf(replace(ann, text(1900)))).toBe("accepted");
    expect(codeOf(replace(ann, text(1900), { name: "two" }))).toBe("documents_full");
    expect(codeOf(replace(bot, text(1900), { name: "two" }))).toBe("accepted");
    expect(codeOf(replace(bot, text(1900), { name: "three" }))).toBe("documents_full");
    expect(codeOf(replace(ann, text(10)))).toBe("accepted");
    expect(codeOf(replace(ann, "1", { name: "three" }))).toBe("too_many_documents");
    const grow = JSON.stringify([{ op: "replace", path: "", value: "y".repeat(2000) }]);
    expect(codeOf(patch(bot, { patch: grow }))).toBe("too_large");
    expect([...story.state.documents.values()].map(({ name }) => name)).toEqual(["plan", "two"]);
  });
});
