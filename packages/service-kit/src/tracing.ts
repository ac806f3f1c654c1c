import {
  type Context,
  isSpanContextValid,
  ROOT_CONTEXT,
  type TextMapGetter,
  type TextMapSetter,
  trace,
  TraceFlags,
  type Tracer,
} from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import type { SpanExporter } from "@opentelemetry/sdk-trace-node";
import type { EntryHeader } from "@perdure/log";

/** Traces of a process. Contexts are handed on explicitly: the hot path pays for no async storage. */
export interface Tracing {
  readonly tracer: Tracer;
  /** The headers of a record that carry the span of `context` (W3C trace context); none where it is not sampled. */
  toHeaders(context: Context): readonly EntryHeader[];
  /** The context that a record's headers carry; the root where they carry none, or something else. */
  fromHeaders(headers: readonly EntryHeader[] | undefined): Context;
  /** Sends what is waiting. */
  shutdown(): Promise<void>;
}

export interface TracingOptions {
  readonly service: string;
  readonly node: string;
  /** Default: OTLP over HTTP, set up by the OTEL_EXPORTER_OTLP_… variables of the process. */
  readonly exporter?: SpanExporter;
}

const SCOPE = "perdure";
const propagator = new W3CTraceContextPropagator();
const decoder = new TextDecoder();
const encoder = new TextEncoder();

const setter: TextMapSetter<EntryHeader[]> = {
  set: (headers, name, value) => headers.push({ name, value: encoder.encode(value) }),
};

const getter: TextMapGetter<readonly EntryHeader[]> = {
  keys: (headers) => headers.map(({ name }) => name),
  get: (headers, name) => {
    const value = headers.find((header) => header.name === name)?.value;
    return value && decoder.decode(value);
  },
};

/**
 * Off unless OTEL_EXPORTER_OTLP_ENDPOINT (or its TRACES form) is set, and then costs nothing: the SDK is not even loaded.
 * OTEL_TRACES_SAMPLER says how much is sampled, as everywhere.
 */
export async function startTracing(options: TracingOptions): Promise<Tracing> {
  const { exporter } = options;
  const { OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT } = process.env;
  const on = Boolean(OTEL_EXPORTER_OTLP_ENDPOINT) || Boolean(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT);
  const off: Tracing = { tracer: trace.getTracer(SCOPE), toHeaders, fromHeaders, shutdown: () => Promise.resolve() };
  if (!on && exporter === undefined) return off;
  const { BatchSpanProcessor, NodeTracerProvider } = await import("@opentelemetry/sdk-trace-node");
  const { resourceFromAttributes } = await import("@opentelemetry/resources");
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({
      "service.name": `perdure-${options.service}`,
      "service.instance.id": options.node,
    }),
    spanProcessors: [new BatchSpanProcessor(exporter ?? (await otlpExporter()))],
  });
  return { tracer: provider.getTracer(SCOPE), toHeaders, fromHeaders, shutdown: () => provider.shutdown() };
}

async function otlpExporter(): Promise<SpanExporter> {
  const { OTLPTraceExporter } = await import("@opentelemetry/exporter-trace-otlp-http");
  return new OTLPTraceExporter();
}

function toHeaders(context: Context): readonly EntryHeader[] {
  const span = trace.getSpanContext(context);
  const sampled = span !== undefined && isSpanContextValid(span) && (span.traceFlags & TraceFlags.SAMPLED) !== 0;
  const headers: EntryHeader[] = [];
  if (sampled) propagator.inject(context, headers, setter);
  return headers;
}

function fromHeaders(headers: readonly EntryHeader[] | undefined): Context {
  if (headers === undefined || headers.length === 0) return ROOT_CONTEXT;
  return propagator.extract(ROOT_CONTEXT, headers, getter);
}
