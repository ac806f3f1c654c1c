// `./dev browser`: prints the path of the Chromium that the browser tests use, after installing it where it is missing.
import { findChromium } from "./browser/chromium.ts";

try {
  console.log(findChromium());
} catch (error) {
  console.error(`browser: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
