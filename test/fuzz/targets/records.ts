import { fromBinary, toJson } from "@bufbuild/protobuf";
import { canonical, type SessionState } from "@perdure/core";
import { decodeRecord, encodeRecord, type RecordJson, RecordSchema } from "@perdure/protocol";
import { codeOf, Fault, JudgedSession } from "../judged-session.ts";
import { mutateBytes } from "../mutate-bytes.ts";
import type { Random } from "../random.ts";
import { bytesOfRecord, hostileRecord, storyRecords } from "../stories.ts";
import type { Subject, Target } from "../target.ts";

/** Bytes of the log, read and folded as every replica does. */
class Records implements Subject {
  readonly #session = new JudgedSession();

  get state(): SessionState {
    return this.#session.state;
  }

  take(input: Uint8Array): string {
    let record: RecordJson;
    try {
      record = decodeRecord(input);
    } catch (error) {
      return codeOf(error);
    }
    // What is mostly written is read without reflection, and must be what the generic reader reads.
    const generic = toJson(RecordSchema, fromBinary(RecordSchema, input));
    if (canonical(generic) !== canonical(record)) throw new Fault("the quick reader reads something else");
    if (canonical(decodeRecord(encodeRecord(record))) !== canonical(record))
      throw new Fault("written, it reads otherwise");
    return this.#session.take(record);
  }
}

/** How many wrong records stand behind each right one. */
const WRONG = 5;

export const records: Target = {
  name: "records of the log",
  create: () => new Records(),
  *inputs(random, subject) {
    const story = storyRecords(random);
    for (const record of story) {
      const bytes = bytesOfRecord(record) ?? new Uint8Array();
      yield bytes;
      for (let count = 0; count < WRONG; count += 1) {
        const base = random.of(story) ?? record;
        yield random.once(4) ? wrongBytes(random, base, bytes) : wrongRecord(random, base, story, subject.state);
      }
    }
  },
};

const wrongBytes = (random: Random, base: RecordJson, donor: Uint8Array): Uint8Array =>
  mutateBytes(random, bytesOfRecord(base) ?? donor, donor);

function wrongRecord(
  random: Random,
  base: RecordJson,
  donors: readonly RecordJson[],
  state: SessionState | undefined,
): Uint8Array {
  for (;;) {
    const bytes = bytesOfRecord(hostileRecord(random, base, donors, state));
    if (bytes !== undefined) return bytes;
  }
}
