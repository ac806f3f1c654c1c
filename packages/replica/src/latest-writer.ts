import type { ActorJson, RecordJson } from "@perdure/protocol";

/**
 * Records in a row are mostly one writer's: they take its names from the first of them, so that those of a session that
 * are kept in memory hold them once. They are a third of what a decoded token takes.
 */
export class LatestWriter {
  #producer: string | undefined;
  #actor: ActorJson | undefined;

  /** The record, which must be the caller's own. */
  share(record: RecordJson): RecordJson {
    if (this.#producer !== undefined && record.producer === this.#producer) record.producer = this.#producer;
    else this.#producer = record.producer;
    if (this.#actor !== undefined && isSame(record.actor, this.#actor)) record.actor = this.#actor;
    else this.#actor = record.actor;
    return record;
  }
}

const isSame = (actor: ActorJson | undefined, { tenant, participant, role, instance }: ActorJson): boolean =>
  actor?.tenant === tenant &&
  actor?.participant === participant &&
  actor?.role === role &&
  actor?.instance === instance;
