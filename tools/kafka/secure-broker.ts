// A broker that asks for TLS and a password, with a certificate of its own making.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { type Broker, freePorts, startBroker } from "./broker.ts";

export const MECHANISMS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] as const;
export const USERNAME = "perdure";
export const PASSWORD = "right";

const STORE_PASSWORD = "changeit";
const PLAIN_USERS = `org.apache.kafka.common.security.plain.PlainLoginModule required username="${USERNAME}" password="${PASSWORD}" user_${USERNAME}="${PASSWORD}";`;
const SCRAM_USERS = "org.apache.kafka.common.security.scram.ScramLoginModule required;";

export interface SecureBroker extends Pick<Broker, "stop"> {
  /** `host:port` of the listener that asks for both. */
  readonly bootstrap: string;
  /** Its certificate, which is its own authority: PEM. */
  readonly ca: string;
}

/** `dir`: of its data and its certificate; kept by the caller. */
export async function startSecureBroker(dir: string): Promise<SecureBroker> {
  const [port = 0, controllerPort = 0, securePort = 0] = await freePorts(3);
  const keystore = join(dir, "broker.p12");
  makeCertificate(keystore);
  const broker = await startBroker({
    dir,
    port,
    controllerPort,
    properties: secureListener({ port, controllerPort, securePort, keystore }),
    scramUsers: MECHANISMS.slice(1).map((mechanism) => `${mechanism}=[name=${USERNAME},password=${PASSWORD}]`),
  });
  return { bootstrap: `localhost:${securePort}`, ca: certificateOf(keystore), stop: () => broker.stop() };
}

const storeOf = (path: string): string[] => ["-keystore", path, "-storepass", STORE_PASSWORD, "-alias", "broker"];

/** A key and its certificate, in a new keystore. */
export function makeCertificate(path: string): void {
  const names = ["-dname", "CN=localhost", "-ext", "san=dns:localhost,ip:127.0.0.1"];
  const key = ["-genkeypair", "-keyalg", "EC", "-validity", "30"];
  execFileSync("keytool", [...key, ...names, ...storeOf(path)], { stdio: "pipe" });
}

/** The certificate of a keystore: PEM. */
export function certificateOf(path: string): string {
  return execFileSync("keytool", ["-exportcert", "-rfc", ...storeOf(path)], { stdio: "pipe" }).toString();
}

interface Listeners {
  readonly port: number;
  readonly controllerPort: number;
  readonly securePort: number;
  readonly keystore: string;
}

/** A second listener, which takes TLS with a password inside. */
function secureListener({ port, controllerPort, securePort, keystore }: Listeners): Record<string, string> {
  const plain = `PLAINTEXT://127.0.0.1:${port}`;
  return {
    listeners: `${plain},CONTROLLER://127.0.0.1:${controllerPort},SECURE://localhost:${securePort}`,
    "advertised.listeners": `${plain},SECURE://localhost:${securePort}`,
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL",
    "listener.name.secure.sasl.enabled.mechanisms": MECHANISMS.join(","),
    "listener.name.secure.plain.sasl.jaas.config": PLAIN_USERS,
    "listener.name.secure.scram-sha-256.sasl.jaas.config": SCRAM_USERS,
    "listener.name.secure.scram-sha-512.sasl.jaas.config": SCRAM_USERS,
    "listener.name.secure.ssl.keystore.type": "PKCS12",
    "listener.name.secure.ssl.keystore.location": keystore,
    "listener.name.secure.ssl.keystore.password": STORE_PASSWORD,
    "listener.name.secure.ssl.key.password": STORE_PASSWORD,
  };
}
