// Joins a group twice, so that its first member joins anew; closes when a line comes in, and then has nothing left to do.
import { once } from "node:events";
import { openKafkaLog } from "../src/index.ts";

const [broker, topicPrefix] = process.argv.slice(2);
if (broker === undefined || topicPrefix === undefined)
  throw new TypeError("usage: joined-until-closed.ts BROKER PREFIX");
const log = await openKafkaLog({ brokers: [broker], topicPrefix, group: { heartbeatMs: 100 } });
const assigned = Promise.withResolvers<unknown>();
await log.joinGroup("keepers", "events", { onAssigned: assigned.resolve, onRevoked: () => undefined });
await assigned.promise;
process.send?.("joined");
await once(process, "message");
process.disconnect();
await log.close();
