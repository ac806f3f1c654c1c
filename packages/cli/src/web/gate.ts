/**
 * Who may ask this server for what. Host is checked on every request, against other names that were made to resolve
 * here (DNS rebinding); Origin wherever a browser sends it, against other pages; the cookie on all but the page itself.
 */
import type { IncomingMessage } from "node:http";
import { jwtVerify, SignJWT } from "jose";
import { CliError } from "../errors.ts";
import { originOf } from "./links.ts";

export interface Gate {
  /** Throws CliError `forbidden_host`, `forbidden_origin`. */
  checkSource(request: IncomingMessage): void;
  /** The device that the cookie was given to. Throws CliError `unauthenticated`. */
  checkCookie(request: IncomingMessage): Promise<void>;
  /** A Set-Cookie header for a device that showed a code. */
  cookie(): Promise<string>;
}

export interface GateOptions {
  readonly port: number;
  /** Names and addresses under which this server is asked, without port. */
  readonly hosts: readonly string[];
  readonly key: Uint8Array;
}

const COOKIE_DAYS = 30;
const AUDIENCE = "perdure-page";

export function openGate({ port, hosts, key }: GateOptions): Gate {
  // Cookies do not tell ports apart, so the name does: two installations on one machine keep out of each other's way.
  const cookieName = `perdure_${port}`;
  const allowed = new Set(hosts.map((host) => originOf(host, port).slice("http://".length)));
  return {
    checkSource(request) {
      const host = request.headers.host ?? "";
      if (!allowed.has(host)) {
        throw new CliError(
          "forbidden_host",
          `this server is not asked as '${host}': use the link that ./dev up printed`,
        );
      }
      const { origin } = request.headers;
      if (origin !== undefined && origin !== `http://${host}`) {
        throw new CliError("forbidden_origin", `pages of '${origin}' may not ask this server`);
      }
    },
    async checkCookie(request) {
      const value = cookieValue(request.headers.cookie ?? "", cookieName);
      const good = await jwtVerify(value, key, { audience: AUDIENCE, algorithms: ["HS256"] }).then(
        () => true,
        () => false,
      );
      if (!good)
        throw new CliError("unauthenticated", "this browser has not shown a code: use the link that ./dev up printed");
    },
    async cookie() {
      const value = await new SignJWT()
        .setProtectedHeader({ alg: "HS256" })
        .setAudience(AUDIENCE)
        .setExpirationTime(`${COOKIE_DAYS}d`)
        .sign(key);
      return `${cookieName}=${value}; HttpOnly; SameSite=Strict; Path=/; Max-Age=${COOKIE_DAYS * 86_400}`;
    },
  };
}

function cookieValue(header: string, name: string): string {
  const pair = header.split(";").find((one) => one.trim().startsWith(`${name}=`));
  return pair?.trim().slice(name.length + 1) ?? "";
}
