import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { parseUpOptions } from "./options.ts";
import { freePort, listenOn } from "./ports.ts";
import { keyFor, openSecret } from "./secret.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "perdure-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
});

describe("options", () => {
  it("are this repository on the embedded log and loopback where nothing is said", () => {
    expect(parseUpOptions([], "/", folder)).toEqual({
      port: undefined,
      lan: false,
      log: "embedded",
      folder,
      stateFolder: join(folder, ".perdure"),
    });
  });

  it("take paths from where they were typed", () => {
    expect(parseUpOptions(["--folder", ".", "--state", "s"], folder, "/")).toMatchObject({
      folder,
      stateFolder: join(folder, "s"),
    });
  });

  it.each([
    [["--folder", "nowhere"], "folder_not_found", "does not exist"],
    [["--folder", "file"], "folder_not_found", "is not a folder"],
    [["--port", "0"], "invalid_option", "1 to 65535"],
    [["--port", "65536"], "invalid_option", "1 to 65535"],
    [["--port", "http"], "invalid_option", "1 to 65535"],
    [["--log", "redis"], "invalid_option", "not 'redis'"],
    [["--speed"], "invalid_option", "--speed"],
    [["extra"], "invalid_option", "extra"],
  ])("%j are refused with %s", (args, code, message) => {
    writeFileSync(join(folder, "file"), "");
    const parse = (): unknown => parseUpOptions(args, folder, folder);
    expect(parse).toThrow(message);
    expect(parse).toThrow(expect.objectContaining({ code }));
  });
});

describe("the public port", () => {
  it("is refused where somebody else has it, and says what to do", async () => {
    const other = createServer();
    onTestFinished(() => void other.close());
    const port = await listenOn(other, "127.0.0.1", await freePort());
    const listening = listenOn(createServer(), "127.0.0.1", port);
    await expect(listening).rejects.toMatchObject({ code: "port_in_use" });
    await expect(listening).rejects.toThrow(`port ${port} is in use`);
  });

  it("is the next one that is free where none was named", async () => {
    const [one, two] = [createServer(), createServer()];
    onTestFinished(() => {
      one.close();
      two.close();
    });
    const first = await listenOn(one, "127.0.0.1", undefined);
    expect(await listenOn(two, "127.0.0.1", undefined)).toBeGreaterThan(first);
  });

  it("of a server behind is the wanted one, or another where that is taken", async () => {
    const other = createServer();
    onTestFinished(() => void other.close());
    const taken = await listenOn(other, "127.0.0.1", await freePort());
    expect(await freePort(taken)).not.toBe(taken);
  });
});

describe("the secret", () => {
  it("is made once, and only its owner may read it", () => {
    const secret = openSecret(join(folder, "state"));
    expect(openSecret(join(folder, "state"))).toBe(secret);
    expect(statSync(join(folder, "state", "secret")).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(folder, "state", "secret"), "utf8")).toBe(secret);
  });

  it("is refused where it is too short to be one", () => {
    writeFileSync(join(folder, "secret"), "short");
    expect(() => openSecret(folder)).toThrow(expect.objectContaining({ code: "start_failed" }));
  });

  it("gives another key for every purpose", () => {
    const secret = openSecret(folder);
    expect(keyFor(secret, "a")).toEqual(keyFor(secret, "a"));
    expect(keyFor(secret, "a")).not.toEqual(keyFor(secret, "b"));
  });
});
