// `./dev bench fold [--json]`: what one event costs the fold, with its decoding, and what a head weighs and costs, as a
// session grows; beside it the floor: reading the same bytes, and adding the text to a string.
import { measureAppends } from "./fold/appends.ts";
import { measureHead } from "./fold/heads.ts";
import { sessionWith } from "./fold/history.ts";
import { print } from "./measure/report.ts";
import { readOptions } from "../tools/options.ts";

const { values } = readOptions("./dev bench fold [--json]", { options: { json: { type: "boolean", default: false } } });
const histories = [100, 1_000, 10_000];

const sessions = histories.map((messages) => ({ messages, session: sessionWith(messages) }));
// Before the open answer grows by what is measured next.
const heads = sessions.map(({ session }) => measureHead(session.state));
const costs = measureAppends(sessions.map(({ session }) => session));
const [atFewest, atMost] = [costs[0], costs.at(-1)];
if (atFewest === undefined || atMost === undefined) throw new Error("there is nothing to compare");

print(
  {
    bench: "fold",
    setting: `a token's append to an open message, sessions of ${histories.join(", ")} messages, in turns; medians of rounds`,
    tables: [
      {
        title: "one token's append",
        columns: ["floor ns", "decode ns", "decode + fold ns", "ratio to floor"],
        plotted: ["floor ns", "decode ns", "decode + fold ns"],
        rows: costs.map(({ floorNs, decodeNs, foldNs }, index) => ({
          name: `${histories[index]} messages of history`,
          values: [floorNs, decodeNs, foldNs, foldNs / floorNs],
        })),
      },
      {
        title: "the head",
        columns: ["bytes", "to bytes µs", "from bytes µs", "messages in it"],
        plotted: ["to bytes µs", "from bytes µs"],
        rows: heads.map(({ bytes, writeUs, readUs, messages }, index) => ({
          name: `${histories[index]} messages of history`,
          values: [bytes, writeUs, readUs, messages],
        })),
      },
    ],
    marks: [
      { what: "a token's append with its decoding", unit: "ns", measured: atMost.foldNs, limit: 3_000 },
      {
        what: `with ${histories.at(-1)} messages to with ${histories[0]}`,
        unit: "times",
        measured: atMost.foldNs / atFewest.foldNs,
        limit: 1.2,
      },
    ],
  },
  values.json,
);
