/** Links that open the page on a device. */
import { networkInterfaces } from "node:os";
import { toString } from "qrcode";

/** Names under which this machine asks itself. */
export const LOOPBACK_HOSTS: readonly string[] = ["localhost", "127.0.0.1", "::1"];

/** The addresses of this machine on its networks (IPv4). */
export function networkAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.filter(({ family, internal }) => family === "IPv4" && !internal).map(({ address }) => address);
}

/** What browsers call a page of this server. */
export const originOf = (host: string, port: number): string =>
  `http://${host.includes(":") ? `[${host}]` : host}:${port}`;

/** The page of a session, with a code behind `#`, where browsers send it to nobody. */
export const pageLink = (host: string, port: number, session: string, code: string): string =>
  `${originOf(host, port)}/s/${session}#code=${code}`;

/** A QR code as lines of a terminal. */
export const qrForTerminal = (text: string): Promise<string> => toString(text, { type: "terminal", small: true });

/** A QR code as SVG, dark on light whatever the page's colours are. */
export const qrForPage = (text: string): Promise<string> => toString(text, { type: "svg", margin: 2 });
