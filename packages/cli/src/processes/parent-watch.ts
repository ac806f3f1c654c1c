/**
 * Preloaded (`node --import`) into every process that the supervisor starts, so that none outlives it: when the
 * supervisor dies, however it dies, the kernel closes the channel between them. There is nothing to say goodbye to, and
 * whoever starts the supervisor again finds the log free at once.
 */
process.on("disconnect", () => process.exit(1));
// The channel alone keeps no process alive that has ended its work.
process.channel?.unref();
