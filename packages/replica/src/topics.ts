import type { TopicSpec } from "@perdure/log";

/** The topics, by what they hold. The log's adapter sets a prefix before them where one is configured. */
export const TOPICS = {
  events: "events",
  heads: "heads",
  pages: "pages",
  index: "index",
  nodes: "nodes",
} as const;

/** What provisioning has to make. All but `nodes` share the partition count, fixed for life. */
export function topicSpecs(partitions: number): readonly TopicSpec[] {
  return [
    { name: TOPICS.events, partitions, cleanup: "none" },
    { name: TOPICS.heads, partitions, cleanup: "compact" },
    { name: TOPICS.pages, partitions, cleanup: "compact" },
    { name: TOPICS.index, partitions, cleanup: "compact" },
    { name: TOPICS.nodes, partitions: 1, cleanup: "compact" },
  ];
}
