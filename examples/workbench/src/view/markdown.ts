/** Markdown as elements, block by block, so that a text that grows changes only its last block. */
import { marked } from "marked";
import type { Token, Tokens } from "marked";
import { element } from "../dom.ts";

/** What a citation's mark in the text stands for. */
export type CitationLink = (mark: string) => Node | undefined;

interface Block {
  readonly raw: string;
  readonly node: Node;
}

/** A text in an element of its own. HTML in it is shown as the text it is; links that are not http are not followed. */
export class MarkdownView {
  readonly root = element("div", { class: "prose" });
  #blocks: readonly Block[] = [];
  #text = "";
  #marks = "";

  /** Shows the text; `marks` says which citations are known, so that blocks are made again when one becomes known. */
  show(text: string, marks: string, citation: CitationLink): void {
    if (text === this.#text && marks === this.#marks) return;
    const keep = marks === this.#marks;
    this.#text = text;
    this.#marks = marks;
    const before = this.#blocks;
    const tokens = marked.lexer(text).filter((token) => token.type !== "space");
    this.#blocks = tokens.map((token, index) => {
      const old = before[index];
      return keep && old?.raw === token.raw ? old : { raw: token.raw, node: blockOf(token, citation) };
    });
    for (const [index, { node }] of this.#blocks.entries()) {
      const old = before[index]?.node;
      if (old === node) continue;
      if (old === undefined) this.root.append(node);
      else this.root.replaceChild(node, old);
    }
    for (const { node } of before.slice(this.#blocks.length)) this.root.removeChild(node);
  }
}

function blockOf(token: Token, citation: CitationLink): Node {
  switch (token.type) {
    case "heading":
      return element("h4", {}, ...inline(token, citation));
    case "code":
      return element("pre", { tabindex: "0" }, element("code", {}, textOf(token)));
    case "blockquote":
      return element("blockquote", {}, ...blocks(token, citation));
    case "list":
      return listOf(token, citation);
    case "hr":
      return element("hr");
    case "table":
      return tableOf(token, citation);
    default:
      return element("p", {}, ...inline(token, citation));
  }
}

const blocks = (token: Token, citation: CitationLink): Node[] =>
  childrenOf(token)
    .filter(({ type }) => type !== "space")
    .map((child) => blockOf(child, citation));

function listOf(token: Token, citation: CitationLink): Node {
  if (!isList(token)) return element("p", {}, token.raw);
  const items = token.items.map((item) => {
    const children = item.tokens.flatMap((child) =>
      child.type === "text" ? inline(child, citation) : [blockOf(child, citation)],
    );
    return element("li", {}, ...children);
  });
  return element(token.ordered ? "ol" : "ul", {}, ...items);
}

function tableOf(token: Token, citation: CitationLink): Node {
  if (!isTable(token)) return element("p", {}, token.raw);
  const row = (cells: readonly Tokens.TableCell[], tag: "th" | "td"): Node =>
    element("tr", {}, ...cells.map((cell) => element(tag, {}, ...cell.tokens.flatMap((one) => span(one, citation)))));
  const body = token.rows.map((cells) => row(cells, "td"));
  return element("div", { class: "scrolls", tabindex: "0" }, element("table", {}, row(token.header, "th"), ...body));
}

function inline(token: Token, citation: CitationLink): Node[] {
  const children = childrenOf(token);
  return children.length === 0
    ? withCitations(textOf(token), citation)
    : children.flatMap((child) => span(child, citation));
}

function span(token: Token, citation: CitationLink): Node[] {
  switch (token.type) {
    case "strong":
      return [element("strong", {}, ...inline(token, citation))];
    case "em":
      return [element("em", {}, ...inline(token, citation))];
    case "del":
      return [element("del", {}, ...inline(token, citation))];
    case "codespan":
      return [element("code", {}, textOf(token))];
    case "br":
      return [element("br")];
    case "link":
      return [linkOf(token, citation)];
    case "escape":
    case "text":
      return inline(token, citation);
    default:
      return [document.createTextNode(token.raw)];
  }
}

function linkOf(token: Token, citation: CitationLink): Node {
  const href = "href" in token && typeof token.href === "string" ? token.href : "";
  const children = inline(token, citation);
  if (!/^https?:\/\//.test(href)) return element("span", {}, ...children);
  return element("a", { href, rel: "noreferrer", target: "_blank" }, ...children);
}

// A mark is [1], or [path:first-last] where a model writes it.
function withCitations(text: string, citation: CitationLink): Node[] {
  const nodes: Node[] = [];
  let end = 0;
  for (const match of text.matchAll(/\[[^[\]\s]{1,300}\]/g)) {
    const link = citation(match[0]);
    if (link === undefined) continue;
    nodes.push(document.createTextNode(text.slice(end, match.index)), link);
    end = match.index + match[0].length;
  }
  nodes.push(document.createTextNode(text.slice(end)));
  return nodes;
}

const childrenOf = (token: Token): Token[] => ("tokens" in token && Array.isArray(token.tokens) ? token.tokens : []);

// The lexer escapes nothing by itself; entities in the source are shown as they are written.
const textOf = (token: Token): string => ("text" in token && typeof token.text === "string" ? token.text : token.raw);

const isList = (token: Token): token is Tokens.List => token.type === "list" && "items" in token;
const isTable = (token: Token): token is Tokens.Table => token.type === "table" && "rows" in token;
