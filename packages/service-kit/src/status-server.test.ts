import { Histogram } from "prom-client";
import { afterEach, describe, expect, test } from "vitest";
import { createMetrics, LATENCY_BUCKETS_S } from "./metrics.ts";
import { type Readiness, startStatusServer, type StatusServer } from "./status-server.ts";

const open: StatusServer[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

async function serve(readiness: () => Readiness): Promise<(path: string, init?: RequestInit) => Promise<Response>> {
  const registry = createMetrics({ service: "edge", node: "edge-1" });
  const delivery = new Histogram({
    name: "perdure_delivery_seconds",
    help: "From the log to the socket",
    buckets: [...LATENCY_BUCKETS_S],
    registers: [registry],
  });
  delivery.observe(0.0008);
  const server = await startStatusServer({ host: "127.0.0.1", port: 0, registry, readiness });
  open.push(server);
  return (path, init) => fetch(`http://127.0.0.1:${server.port}${path}`, init);
}

describe("the status server", () => {
  test("is alive whatever the readiness, and even where that fails", async () => {
    const get = await serve(() => {
      throw new Error("no log");
    });
    expect((await get("/livez")).status).toBe(200);
    expect((await get("/readyz")).status).toBe(500);
    expect((await get("/livez?verbose")).status).toBe(200);
  });

  test("is ready or says why not, anew at each call", async () => {
    let readiness: Readiness = { ready: false, reason: "the log cannot be reached" };
    const get = await serve(() => readiness);
    const before = await get("/readyz");
    expect([before.status, await before.text()]).toEqual([503, "the log cannot be reached\n"]);
    readiness = { ready: true };
    expect((await get("/readyz")).status).toBe(200);
  });

  test("shows the metrics of the process and of its services, labelled by service and node", async () => {
    const get = await serve(() => ({ ready: true }));
    const metrics = await get("/metrics");
    const text = await metrics.text();
    expect(metrics.headers.get("content-type")).toMatch(/^text\/plain; version=0.0.4/);
    expect(text).toMatch(/perdure_delivery_seconds_bucket\{le="0.001",service="edge",node="edge-1"\} 1/);
    expect(text).toMatch(/perdure_delivery_seconds_bucket\{le="0.0005",service="edge",node="edge-1"\} 0/);
    expect(text).toContain("nodejs_eventloop_lag_p99_seconds");
  });

  test("answers what it does not have, and methods that it does not take", async () => {
    const get = await serve(() => ({ ready: true }));
    expect((await get("/")).status).toBe(404);
    expect((await get("/metrics", { method: "POST", body: "x" })).status).toBe(405);
  });

  test("says that its port is in use", async () => {
    await serve(() => ({ ready: true }));
    const registry = createMetrics({ service: "edge", node: "edge-1" });
    const second = startStatusServer({
      host: "127.0.0.1",
      port: open[0]?.port ?? 0,
      registry,
      readiness: () => ({ ready: true }),
    });
    await expect(second).rejects.toThrow("EADDRINUSE");
  });
});
