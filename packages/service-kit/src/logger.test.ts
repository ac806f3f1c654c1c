import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, onTestFinished, test } from "vitest";
import { createLogger } from "./logger.ts";

function capture(level: string) {
  const lines: string[] = [];
  const logger = createLogger(
    { service: "edge", node: "edge-1", level },
    { write: (line: string) => lines.push(line) },
  );
  return { lines, logger };
}

describe("the logger", () => {
  test("writes one JSON line an event, with service, node, level and time", () => {
    const { lines, logger } = capture("info");
    logger.info({ sessions: 3 }, "drained");
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(
      /^\{"level":"info","time":"\d{4}-\d\d-\d\dT[^"]*Z","service":"edge","node":"edge-1","sessions":3,"msg":"drained"\}\n$/,
    );
  });

  test("is as loud as the configuration says", () => {
    const { lines, logger } = capture("warn");
    logger.info("quiet");
    logger.warn("loud");
    expect(lines).toHaveLength(1);
  });

  test("strikes secrets out, wherever they stand", () => {
    const { lines, logger } = capture("info");
    logger.info({ token: "s3cret", hello: { t: "hello", token: "s3cret" } }, "hello");
    logger.info({ request: { headers: { authorization: "Bearer s3cret", cookie: "s3cret", "set-cookie": "s3cret" } } });
    logger.info({ config: { sasl: { password: "s3cret" }, keys: { secret: "s3cret" } } });
    logger.child({ token: "s3cret" }).info("child");
    expect(lines).toHaveLength(4);
    expect(lines.join("")).not.toContain("s3cret");
    expect(lines[0]).toContain('"hello":{"t":"hello","token":"[secret]"}');
  });

  test("does not hold up the end of a process whose output nobody reads any more", async () => {
    const logger = new URL("logger.ts", import.meta.url).href;
    const script = `import { createLogger } from ${JSON.stringify(logger)};
      const log = createLogger({ service: "edge", node: "edge-1", level: "info" });
      process.stdin.on("end", () => { log.info({}, "drains"); log.info({}, "ends"); process.exit(7); }).resume();`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", script], { stdio: "pipe" });
    onTestFinished(() => void child.kill("SIGKILL"));
    child.stdout.destroy();
    await once(child.stdout, "close");
    child.stdin.end();
    expect(await once(child, "exit")).toEqual([7, null]);
  });
});
