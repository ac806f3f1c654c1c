import { createAPI, produceV9, Writer } from "@platformatic/kafka";
import type { Connection } from "@platformatic/kafka";
import { answered, hasArray } from "./protocol-errors.ts";

const PRODUCE_KEY = 0;
const PRODUCE_VERSION = 9;
const ACKS_ALL = -1;

/** One batch, ready to go out. */
export interface EncodedBatch {
  readonly partition: number;
  readonly bytes: Buffer;
}

export interface ProduceRequest {
  readonly transactionalId: string | null;
  readonly timeoutMs: number;
  readonly topics: ReadonlyMap<string, readonly EncodedBatch[]>;
}

/** What a broker said to one batch. */
export interface BatchAnswer {
  readonly code: number;
  readonly baseOffset: number;
}

/** By topic and partition. */
export type ProduceAnswers = ReadonlyMap<string, BatchAnswer>;

const isResponse = hasArray<produceV9.ProduceResponse>("responses");

const produceApi = createAPI<[request: ProduceRequest], produceV9.ProduceResponse>(
  PRODUCE_KEY,
  PRODUCE_VERSION,
  writeRequest,
  produceV9.parseResponse,
);

/** Sends batches with acks=all. Rejects where there was no answer, so that the outcome of all of them is unknown. */
export async function produce(connection: Connection, request: ProduceRequest): Promise<ProduceAnswers> {
  const { responses } = await answered(produceApi.async(connection, request), isResponse);
  const answers = new Map<string, BatchAnswer>();
  for (const { name, partitionResponses } of responses) {
    for (const { index, errorCode, baseOffset } of partitionResponses) {
      answers.set(placeName(name, index), { code: errorCode, baseOffset: Number(baseOffset) });
    }
  }
  return answers;
}

/** The name under which a partition's answer is found. */
export function placeName(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}

function writeRequest(request: ProduceRequest): Writer {
  return Writer.create()
    .appendString(request.transactionalId)
    .appendInt16(ACKS_ALL)
    .appendInt32(request.timeoutMs)
    .appendArray([...request.topics], (topicWriter, [topic, batches]) => {
      topicWriter.appendString(topic).appendArray([...batches], (writer, { partition, bytes }) => {
        writer
          .appendInt32(partition)
          .appendUnsignedVarInt(bytes.length + 1)
          .append(bytes);
      });
    })
    .appendTaggedFields();
}
