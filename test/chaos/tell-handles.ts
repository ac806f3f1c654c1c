// Preloaded (`node --import`): says what keeps the event loop of this process busy, when it is asked.
process.on("message", (message) => {
  if (typeof message === "object" && message !== null && "tell" in message && message.tell === "handles") {
    process.send?.({ is: "handles", handles: process.getActiveResourcesInfo() });
  }
});
// Neither this nor the channel keeps a process alive that has ended its work.
process.channel?.unref();
