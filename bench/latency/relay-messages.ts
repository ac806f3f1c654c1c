import type { MethodDefinition } from "@grpc/grpc-js";

/** What the bench and an end of the bare relay say to each other. */
export interface ToRelay {
  readonly end: "ingest" | "edge";
  readonly brokers: string;
  readonly topicPrefix: string;
  readonly partitions: number;
}

/** It listens. */
export interface FromRelay {
  readonly port: number;
}

export const eventsTopic = "events";

const same = (bytes: Buffer): Buffer => bytes;

/** Two bytes that say which session, and a record; nothing comes back. */
export const relayMethod: MethodDefinition<Buffer, Buffer> = {
  path: "/relay/Stream",
  requestStream: true,
  responseStream: true,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
};
