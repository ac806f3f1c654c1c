import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { DescMethodUnary, DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { type Agent, connectAgent } from "@perdure/agent";
import { MessageRole, type Record as WireRecord, RecordSchema, SessionService } from "@perdure/protocol";
import { mintToken } from "@perdure/service-kit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { gated } from "./support/gated.ts";
import { logger, SECRET } from "./support/world.ts";

let dir: string;
let server: ChildProcess;
let port = 0;
let agent: Agent | undefined;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "perdure-kill-"));
  port = 0;
  await startServer();
});

afterEach(async () => {
  await agent?.close({ drainMs: 0 });
  await killServer();
  rmSync(dir, { recursive: true, force: true });
});

async function startServer(): Promise<void> {
  const script = fileURLToPath(new URL("support/server-process.ts", import.meta.url));
  const env = { ...process.env, SERVER_DIR: dir, SERVER_PORT: String(port), SERVER_SECRET: SECRET };
  server = spawn(process.execPath, [script], { env, stdio: ["ignore", "pipe", "inherit"] });
  const output: unknown[] = await once(server.stdout ?? server, "data");
  port = Number(String(output[0]).trim().split("\n").at(-1));
}

async function killServer(): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const exited = once(server, "exit");
  server.kill("SIGKILL");
  await exited;
}

const token = (role: "agent" | "service"): Promise<string> =>
  mintToken(SECRET, { tenant: "acme", participant: role, role, sessions: ["*"], mayCreate: true }, 60_000);

/** A call of a backend. */
async function call<In extends DescMessage, Out extends DescMessage>(
  method: DescMethodUnary<In, Out>,
  request: MessageInitShape<In>,
): Promise<MessageShape<Out>> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${await token("service")}`);
  const same = (bytes: Buffer): Buffer => bytes;
  const bytes = Buffer.from(toBinary(method.input, create(method.input, request)));
  const path = `/${method.parent.typeName}/${method.name}`;
  try {
    return await new Promise((resolve, reject) => {
      client.makeUnaryRequest(path, same, same, bytes, metadata, (error, answer) => {
        if (answer !== undefined) resolve(fromBinary(method.output, answer));
        else reject(error ?? new Error("no answer"));
      });
    });
  } finally {
    client.close();
  }
}

async function ask(): Promise<void> {
  await call(SessionService.method.createSession, { session: "s" });
  const input = { case: "messageOpened", value: { role: MessageRole.USER } } as const;
  const requested = { case: "runRequested", value: { agent: "helper", inputMessageId: "b-1:1:0" } } as const;
  const events = [
    { kind: input },
    { kind: { case: "messageClosed", value: { messageId: "b-1:1:0" } } as const },
    { kind: requested },
  ];
  const record: WireRecord = create(RecordSchema, { producer: "b-1", first: 1, last: 1, events });
  await call(SessionService.method.append, { session: "s", record });
}

async function said(): Promise<string> {
  const { head } = await call(SessionService.method.getSession, { session: "s" });
  const messages = head?.messages.filter(({ role }) => role === MessageRole.ASSISTANT) ?? [];
  return messages.flatMap(({ parts }) => parts.map(({ part }) => part?.text ?? "")).join("");
}

describe("SPEC 1, 4: the server is killed with -9 in the middle of a token stream", () => {
  test("three times: every token once, in order, and the run goes on in its first attempt", async () => {
    const stream = gated();
    const attempts: number[] = [];
    const finished = Promise.withResolvers<void>();
    agent = await connectAgent({
      url: `http://127.0.0.1:${port}`,
      getToken: () => token("agent"),
      name: "helper",
      logger,
    });
    void agent.serve(async (run) => {
      attempts.push(run.attempt);
      await run.pipe(stream.chunks);
      finished.resolve();
    });
    await ask();
    const words = Array.from({ length: 900 }, (_, index) => `word${index} `);
    for (let round = 0; round < 3; round += 1) {
      stream.push(...words.slice(round * 300, round * 300 + 150));
      while (!(await said()).includes(`word${round * 300 + 10} `));
      await killServer();
      stream.push(...words.slice(round * 300 + 150, round * 300 + 300));
      await startServer();
    }
    stream.end();
    await finished.promise;
    expect(await said()).toBe(words.join(""));
    expect(attempts).toEqual([1]);
  });
});
