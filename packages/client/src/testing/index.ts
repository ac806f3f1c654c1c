export { Mirror } from "../mirror.ts";
