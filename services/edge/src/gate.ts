/** From where pages and programs may come. */
export interface GateConfig {
  /** Origins of pages that may connect, e.g. `https://app.example.com`; `*`: any. Programs send none and are let in. */
  readonly allowedOrigins: readonly string[];
  /** Names by which this node may be called, without port; `*`: any. Keeps out pages whose name was bound to our address. */
  readonly allowedHosts: readonly string[];
}

/** Whether a request with these headers (empty where absent) may go on. */
export const isAllowedOrigin = (config: GateConfig, origin: string): boolean =>
  origin === "" || isListed(config.allowedOrigins, origin);

export const isAllowedHost = (config: GateConfig, host: string): boolean =>
  isListed(config.allowedHosts, hostName(host));

const isListed = (list: readonly string[], word: string): boolean => list.includes("*") || list.includes(word);

/** The name in a Host header: without the port, and without an IPv6 address's brackets. */
function hostName(host: string): string {
  const bracketed = /^\[([^\]]*)\]/.exec(host);
  return bracketed?.[1] ?? host.replace(/:\d+$/, "").toLowerCase();
}
