/** Small things that every answer over HTTP needs. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { CliError } from "../errors.ts";
import type { CliErrorCode } from "../errors.ts";
import type { Asset } from "./page.ts";

const MAX_BODY_BYTES = 4 * 1024;

const STATUS: Readonly<Record<CliErrorCode, number>> = {
  invalid_option: 400,
  folder_not_found: 404,
  port_in_use: 409,
  start_failed: 500,
  link_expired: 403,
  forbidden_host: 403,
  forbidden_origin: 403,
  unauthenticated: 401,
  malformed: 400,
  not_found: 404,
};

export function sendJson(
  response: ServerResponse,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(200, { "content-type": "application/json", "cache-control": "no-store", ...headers });
  response.end(JSON.stringify(value));
}

export function sendError(response: ServerResponse, error: unknown): void {
  const known = error instanceof CliError;
  const body = known
    ? { code: error.code, message: error.message }
    : { code: "internal", message: "the server failed" };
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(known ? STATUS[error.code] : 500, {
    "content-type": "application/json",
    "cache-control": "no-store",
  });
  response.end(JSON.stringify(body));
}

/** The document and what it loads; the name of an asset changes with its content, so that browsers may keep it. */
export function sendAsset(request: IncomingMessage, response: ServerResponse, asset: Asset, keep: boolean): void {
  const headers = {
    "content-type": asset.type,
    etag: asset.etag,
    "cache-control": keep ? "public, max-age=31536000, immutable" : "no-cache",
    "content-security-policy":
      `default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; ` +
      `connect-src 'self' ws://${request.headers.host ?? ""}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
  };
  const same = request.headers["if-none-match"] === asset.etag;
  response.writeHead(same ? 304 : 200, headers).end(same ? undefined : asset.content);
}

/** The JSON object in a request's body. Throws CliError `malformed`. */
export async function readJson(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  if (request.headers["content-type"] !== "application/json") throw malformed("send application/json");
  const chunks: Buffer[] = [];
  let bytes = 0;
  const body: AsyncIterable<Buffer> = request;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw malformed(`send at most ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  try {
    const value: unknown = JSON.parse(Buffer.concat(chunks).toString("utf8"));
    if (isObject(value)) return value;
  } catch {
    // Said below, together with what is JSON but no object.
  }
  throw malformed("send one JSON object");
}

/** A text field of a body. Throws CliError `malformed` where it is missing or does not fit. */
export function textField(body: Readonly<Record<string, unknown>>, name: string, pattern: RegExp): string {
  const value = body[name];
  if (typeof value !== "string" || !pattern.test(value)) throw malformed(`'${name}' is missing or not as expected`);
  return value;
}

export const malformed = (what: string): CliError => new CliError("malformed", what);

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
