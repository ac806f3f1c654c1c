/** The secret of this installation, from which every key is made. */
import { createHmac, randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CliError } from "./errors.ts";

const SECRET_BYTES = 32;

/** The secret in `stateFolder`, made at the first call; nobody but its owner may read it. Throws CliError `start_failed`. */
export function openSecret(stateFolder: string): string {
  mkdirSync(stateFolder, { recursive: true, mode: 0o700 });
  const path = join(stateFolder, "secret");
  if (!existsSync(path))
    writeFileSync(path, randomBytes(SECRET_BYTES).toString("base64url"), { mode: 0o600, flag: "wx" });
  chmodSync(path, 0o600);
  const secret = readFileSync(path, "utf8").trim();
  if (Buffer.from(secret, "base64url").length < SECRET_BYTES) {
    throw new CliError(
      "start_failed",
      `${path} is not a secret of ${SECRET_BYTES} bytes: remove it, and a new one is made`,
    );
  }
  return secret;
}

/** A key for one purpose, so that what one purpose signs means nothing to another. */
export const keyFor = (secret: string, purpose: string): Uint8Array =>
  createHmac("sha256", Buffer.from(secret, "base64url")).update(purpose).digest();
