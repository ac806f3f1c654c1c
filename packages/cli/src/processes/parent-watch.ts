/**
 * Preloaded (`node --import`) into every process that the supervisor starts, so that none outlives it: when the
 * supervisor dies, however it dies, the kernel closes the channel between them.
 */
const GRACE_MS = 3_000;

process.on("disconnect", () => {
  process.kill(process.pid, "SIGTERM");
  setTimeout(() => process.exit(1), GRACE_MS).unref();
});
// The channel alone keeps no process alive that has ended its work.
process.channel?.unref();
