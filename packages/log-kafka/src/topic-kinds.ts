import type { Cleanup, TopicSpec } from "@perdure/log";
import { ConfigResourceTypes, describeConfigsV4 } from "@platformatic/kafka";
import type { describeConfigsV4 as describeConfigs } from "@platformatic/kafka";
import type { Cluster } from "./cluster.ts";
import type { Isolation } from "./fetch-request.ts";
import { answered, Code, hasArray, unavailable } from "./protocol-errors.ts";

const isDescribed = hasArray<describeConfigs.DescribeConfigsResponse>("results");

/**
 * How each topic is read. Nothing transactional is written to a topic that keeps everything, so its readers need not
 * wait for anyone's transaction to end; what checkpoints write to is read committed.
 */
export class TopicKinds {
  readonly #cluster: Cluster;
  readonly #isolations = new Map<string, Isolation>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  learn(specs: readonly TopicSpec[], prefix: string): void {
    for (const { name, cleanup } of specs) this.#isolations.set(prefix + name, isolationOf(cleanup));
  }

  known(topic: string): Isolation | undefined {
    return this.#isolations.get(topic);
  }

  /** Throws `no_such_topic`, `unavailable`. */
  async isolation(topic: string): Promise<Isolation> {
    const known = this.#isolations.get(topic);
    if (known !== undefined) return known;
    await this.#cluster.topic(topic);
    const isolation = await this.#ask(topic).catch(async (cause: unknown) => {
      // Whoever asks next is to find a broker that answers.
      await this.#cluster.refresh();
      const message = `no Kafka broker says how ${topic} is kept: try again`;
      throw unavailable(message, this.#cluster.settings.limits.retryAfterMs, cause);
    });
    this.#isolations.set(topic, isolation);
    return isolation;
  }

  async #ask(topic: string): Promise<Isolation> {
    const resources = [
      { resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configurationKeys: ["cleanup.policy"] },
    ];
    const call = describeConfigsV4.api.async(await this.#cluster.control(), resources, false, false);
    const result = (await answered(call, isDescribed)).results[0];
    // Where this client may not look, reading committed is right for both kinds.
    if (result?.errorCode === Code.topicAuthorizationFailed) return "committed";
    if (result?.errorCode !== Code.none) throw new Error(`Kafka answered with error ${result?.errorCode ?? "none"}`);
    return isolationOf(result.configs[0]?.value === "delete" ? "none" : "compact");
  }
}

function isolationOf(cleanup: Cleanup): Isolation {
  return cleanup === "none" ? "uncommitted" : "committed";
}
