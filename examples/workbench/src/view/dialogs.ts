/** What opens over the page: a cited passage, and the link for another device. */
import { element } from "../dom.ts";
import type { Source } from "../conversation/conversation.ts";
import type { DeviceLink } from "../supervisor.ts";
import { seconds } from "./words.ts";

function open(title: string, name: string, ...content: readonly Node[]): void {
  const close = element("button", { class: "button", type: "button" }, "Close");
  const head = element("div", { class: "dialog-head" }, element("h2", {}, title), close);
  const dialog = element("dialog", { "aria-label": title, "data-testid": name }, head, ...content);
  close.addEventListener("click", () => dialog.close());
  // A click beside it is a click on the dialog itself.
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/** Shows the lines that a citation rests on, with their numbers. */
export function openSource({ title, text }: Source): void {
  const first = Number(/:(\d+)/.exec(title)?.[1] ?? "1");
  const lines = text
    .split("\n")
    .map((line, index) =>
      element("div", { "data-line": String(first + index) }, element("span", {}, line === "" ? " " : line)),
    );
  open(title, "source", element("div", { class: "lines", tabindex: "0" }, ...lines));
}

/** Shows the link for one more device. */
export function openDeviceLink({ url, livesMs, qr }: DeviceLink): void {
  const where =
    qr === undefined
      ? "Open it in another browser on this machine, or in a private window. For a phone beside you, start ./dev up --lan."
      : "Scan it with a phone in the same network, or open it in another browser.";
  const body = element("div", { class: "dialog-body" });
  if (qr !== undefined) {
    const src = `data:image/svg+xml,${encodeURIComponent(qr)}`;
    body.append(element("img", { class: "qr", src, alt: "QR code of the link below" }));
  }
  body.append(
    element("p", {}, where),
    element("p", { class: "link", tabindex: "0", "data-testid": "device-link" }, url),
    element("p", {}, `It works once, within ${seconds(livesMs)}.`),
  );
  open("Second device", "second-device-dialog", body);
}
