// The broker's jars: fetched once with Maven into .runtime/, together with a Java where the machine has none.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const toolsFolder = dirname(fileURLToPath(import.meta.url));
const root = join(toolsFolder, "..", "..");
const oldestJava = 17;

/** Folder with Kafka's jars; fetches them, and Java and Maven, first where they are missing. Throws with what to do. */
export function kafkaJars(): string {
  const pom = join(toolsFolder, "pom.xml");
  const wanted = createHash("sha256").update(readFileSync(pom)).digest("hex").slice(0, 12);
  const folder = join(root, ".runtime", `kafka-${wanted}`);
  requireJava();
  if (existsSync(folder)) return folder;
  requireProgram("mvn", "maven");
  console.error("kafka: fetching Kafka with Maven (once)");
  mkdirSync(dirname(folder), { recursive: true });
  const fresh = mkdtempSync(join(root, ".runtime", "kafka-new-"));
  const goal = [
    "--batch-mode",
    "--quiet",
    "-Dstyle.color=never",
    "--file",
    pom,
    "dependency:copy-dependencies",
    `-DoutputDirectory=${fresh}`,
  ];
  if (spawnSync("mvn", goal, { stdio: ["ignore", 2, 2] }).status !== 0) {
    rmSync(fresh, { recursive: true });
    throw new Error(
      "Maven could not fetch Kafka: check the network and Maven's settings, or set KAFKA_BROKERS to a broker",
    );
  }
  moveInto(fresh, folder);
  return folder;
}

// Whoever comes second, of two that fetched at once, keeps what the first one put there.
function moveInto(fresh: string, folder: string): void {
  try {
    renameSync(fresh, folder);
  } catch (error) {
    rmSync(fresh, { recursive: true });
    if (!existsSync(folder)) throw error;
  }
}

function javaMajor(): number {
  const { stderr, error } = spawnSync("java", ["-version"], { encoding: "utf8" });
  return error === undefined ? Number(/version "(\d+)/.exec(stderr)?.[1] ?? 0) : 0;
}

function requireJava(): void {
  if (javaMajor() >= oldestJava) return;
  install("default-jre-headless");
  if (javaMajor() < oldestJava) throw new Error(missing(`Java ${oldestJava} or newer`, "openjdk"));
}

function requireProgram(program: string, aptPackage: string): void {
  const isThere = (): boolean => spawnSync(program, ["--version"], { stdio: "ignore" }).status === 0;
  if (isThere()) return;
  install(aptPackage);
  if (!isThere()) throw new Error(missing(program, aptPackage));
}

function install(aptPackage: string): void {
  if (process.platform !== "linux") return;
  console.error(`kafka: installing ${aptPackage} through apt`);
  spawnSync("sh", [join(root, "tools", "apt-install.sh"), aptPackage], { stdio: ["ignore", 2, 2] });
}

function missing(what: string, brewPackage: string): string {
  const how = process.platform === "darwin" ? `'brew install ${brewPackage}'` : "your package manager";
  return `a local broker needs ${what}, and it could not be installed: install it with ${how}, or set KAFKA_BROKERS to a broker that is running`;
}
