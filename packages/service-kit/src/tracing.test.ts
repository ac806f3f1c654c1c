import { ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { InMemorySpanExporter } from "@opentelemetry/sdk-trace-node";
import { once } from "node:events";
import { createServer } from "node:http";
import { afterEach, describe, expect, test, vi } from "vitest";
import { startTracing } from "./tracing.ts";

const service = { service: "edge", node: "edge-1" };
const bytes = (text: string) => new TextEncoder().encode(text);

afterEach(() => {
  vi.unstubAllEnvs();
});

describe("traces", () => {
  test("go to the endpoint that is set, and say which service and node they are of", async () => {
    const collector = createServer();
    collector.listen(0, "127.0.0.1");
    await once(collector, "listening");
    const received = new Promise<string>((resolve) => {
      collector.on("request", (request, response) => {
        const chunks: Buffer[] = [];
        request.on("data", (chunk: Buffer) => chunks.push(chunk));
        request.on("end", () => {
          response.end("{}");
          resolve(`${request.url} ${Buffer.concat(chunks).toString()}`);
        });
      });
    });
    const address = collector.address();
    const port = typeof address === "object" ? address?.port : 0;
    vi.stubEnv("OTEL_EXPORTER_OTLP_ENDPOINT", `http://127.0.0.1:${port}`);
    const tracing = await startTracing(service);
    tracing.tracer.startSpan("publish").end();
    await tracing.shutdown();
    const request = await received;
    expect(request).toMatch(/^\/v1\/traces /);
    for (const part of ["perdure-edge", "edge-1", "publish"]) expect(request).toContain(part);
    collector.closeAllConnections();
    collector.close();
  });

  test("are off where no endpoint is set: no span is recorded and no header written", async () => {
    const tracing = await startTracing(service);
    const span = tracing.tracer.startSpan("publish");
    expect(span.isRecording()).toBe(false);
    expect(tracing.toHeaders(trace.setSpan(ROOT_CONTEXT, span))).toEqual([]);
    await tracing.shutdown();
  });

  test("go on from one process to the next through a record's headers", async () => {
    const exporter = new InMemorySpanExporter();
    const tracing = await startTracing({ ...service, exporter });
    const published = tracing.tracer.startSpan("publish");
    const headers = tracing.toHeaders(trace.setSpan(ROOT_CONTEXT, published));
    expect(headers.map(({ name }) => name)).toEqual(["traceparent"]);
    expect(new TextDecoder().decode(headers[0]?.value)).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);

    const delivered = tracing.tracer.startSpan("deliver", {}, tracing.fromHeaders(headers));
    expect(delivered.spanContext().traceId).toBe(published.spanContext().traceId);
    delivered.end();
    published.end();
    const finished: string[] = [];
    const keep = exporter.export.bind(exporter);
    exporter.export = (spans, done) => {
      finished.push(...spans.map(({ name }) => name));
      keep(spans, done);
    };
    await tracing.shutdown();
    expect(finished).toEqual(["deliver", "publish"]);
  });

  test("that are not sampled leave no header", async () => {
    const tracing = await startTracing({ ...service, exporter: new InMemorySpanExporter() });
    const headers = [{ name: "traceparent", value: bytes(`00-${"a".repeat(32)}-${"b".repeat(16)}-00`) }];
    const span = tracing.tracer.startSpan("deliver", {}, tracing.fromHeaders(headers));
    expect(tracing.toHeaders(trace.setSpan(ROOT_CONTEXT, span))).toEqual([]);
    await tracing.shutdown();
  });

  test.each([
    undefined,
    [],
    [{ name: "traceparent", value: bytes("rubbish \u0000") }],
    [{ name: "x", value: bytes("y") }],
  ])("begin anew where the headers carry none: %j", async (headers) => {
    const tracing = await startTracing(service);
    expect(trace.getSpanContext(tracing.fromHeaders(headers))).toBeUndefined();
  });
});
