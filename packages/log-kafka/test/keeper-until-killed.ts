// Joins a group, opens a checkpoint of partition 0, writes into it, says "open", and waits in it until it is killed.
import { once } from "node:events";
import { openKafkaLog } from "../src/index.ts";

const [brokers, topicPrefix, group] = process.argv.slice(2);
if (brokers === undefined || topicPrefix === undefined || group === undefined) {
  throw new TypeError("usage: keeper-until-killed.ts BROKERS PREFIX GROUP");
}
const log = await openKafkaLog({ brokers: brokers.split(","), topicPrefix });
const key = new TextEncoder().encode(topicPrefix + group);

await log.joinGroup(group, "events", {
  onAssigned: (ownerships) => {
    const ownership = ownerships.find(({ partition }) => partition === 0);
    if (ownership === undefined) return;
    void log.checkpoint(ownership, async (scope) => {
      await scope.append("heads", { key, value: key });
      process.stdout.write("open\n");
      await once(process, "never");
    });
  },
  onRevoked: () => undefined,
});
