import { rounded, type Table } from "../measure/report.ts";

type Plotted = Pick<Table, "title" | "columns" | "plotted" | "rows">;

const width = 860;
const labelWidth = 330;
const valueWidth = 90;
const barHeight = 14;
const groupGap = 10;
const tableGap = 44;
const left = 16;
/** Told apart also by who sees no colours, in this order from light to dark on white. */
const colours = ["#9ecae1", "#4292c6", "#08519c"];
const font = "font-family='system-ui, sans-serif'";

/** Horizontal bars: a group for each row of a table, a bar for each plotted column, longest to the full width. */
export function pictureOf(title: string, tables: readonly Plotted[]): string {
  const parts: string[] = [text(left, 26, title, 15, "bold")];
  let top = 26;
  for (const table of tables) {
    const drawn = tableOf(table, top + tableGap);
    parts.push(...drawn.parts);
    top = drawn.bottom;
  }
  const height = top + 20;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...parts,
    "</svg>\n",
  ].join("\n");
}

function tableOf({ title, columns, plotted, rows }: Plotted, top: number): { parts: string[]; bottom: number } {
  const parts = [text(left, top, title, 13, "bold"), ...legend(plotted, top + 18)];
  const places = plotted.map((name) => columns.indexOf(name));
  const largest = Math.max(...rows.flatMap(({ values }) => places.map((place) => values[place] ?? 0)));
  const room = width - labelWidth - valueWidth - 2 * left;
  let y = top + 28;
  for (const { name, values } of rows) {
    const groupTop = y;
    for (const [index, place] of places.entries()) {
      const value = values[place] ?? 0;
      const length = largest > 0 ? Math.max(1, (value / largest) * room) : 1;
      const colour = colours[index % colours.length] ?? "";
      parts.push(
        `<rect x="${left + labelWidth}" y="${y}" width="${length.toFixed(1)}" height="${barHeight - 2}" fill="${colour}"/>`,
      );
      parts.push(text(left + labelWidth + length + 6, y + barHeight - 4, rounded(value), 11));
      y += barHeight;
    }
    parts.push(text(left, (groupTop + y) / 2 + 3, name, 12));
    y += groupGap;
  }
  return { parts, bottom: y };
}

function legend(plotted: readonly string[], y: number): string[] {
  const place = (index: number): number => left + labelWidth + index * 150;
  return plotted.flatMap((name, index) => [
    `<rect x="${place(index)}" y="${y - 9}" width="10" height="10" fill="${colours[index % colours.length] ?? ""}"/>`,
    text(place(index) + 15, y, name, 11),
  ]);
}

const text = (x: number, y: number, words: string, size: number, weight = "normal"): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" font-size="${size}" font-weight="${weight}" ${font} fill="#1b1b1b">${escaped(words)}</text>`;

const escaped = (words: string): string =>
  words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
