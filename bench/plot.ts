// `./dev bench plot FILE…`: draws what benches found (their `--json`), one picture a bench, into docs/images/performance.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { pictureOf } from "./plot/picture.ts";

const folder = "docs/images/performance";
const schema = z.object({
  machine: z.string(),
  bench: z.string(),
  tables: z.array(
    z.object({
      title: z.string(),
      columns: z.array(z.string()),
      plotted: z.array(z.string()),
      rows: z.array(z.object({ name: z.string(), values: z.array(z.number()) })),
    }),
  ),
});

mkdirSync(folder, { recursive: true });
for (const file of process.argv.slice(2)) {
  const { bench, machine, tables } = schema.parse(JSON.parse(readFileSync(file, "utf8")));
  const path = join(folder, `${bench}.svg`);
  writeFileSync(path, pictureOf(`${bench} (${machine})`, tables));
  console.log(path);
}
