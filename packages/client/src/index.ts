export { type Code, type PatchOperation, PerdureError, type SharedDocument } from "@perdure/core";
export type { AnswerOutcome, Ask } from "./ask.ts";
export { type Client, type ClientOptions, createClient, type Report, type SessionOptions } from "./client.ts";
export type { Content, PartInput } from "./content.ts";
export {
  type Clock,
  type ClientStorage,
  type KeyValueStore,
  type LockManager,
  memoryStore,
  type Socket,
  type SocketConstructor,
} from "./environment.ts";
export type { Floor, NoteOptions, TakeoverRequest } from "./floor.ts";
export type { HistoryPage } from "./history-walk.ts";
export type { BudgetOptions, SendOptions, Session } from "./session.ts";
export type { Status, StatusName } from "./status.ts";
export type { Receipt, SteerOptions, Turn, TurnResult } from "./turn.ts";
export type * from "./view.ts";
