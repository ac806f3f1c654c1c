import type { Server } from "@grpc/grpc-js";
import { AgentService, SessionService, SignalService } from "@perdure/protocol";
import { HealthImplementation } from "grpc-health-check";

const SERVICES = ["", AgentService.typeName, SessionService.typeName, SignalService.typeName];

/** The standard health service: whether this node takes new work. */
export class Health {
  readonly #health = new HealthImplementation(Object.fromEntries(SERVICES.map((name) => [name, "SERVING"])));

  register(server: Server): void {
    this.#health.addToServer(server);
  }

  /** New work should go elsewhere. */
  drain(): void {
    for (const name of SERVICES) this.#health.setStatus(name, "NOT_SERVING");
  }
}
