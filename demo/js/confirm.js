/** A question that must be answered before something irreversible: a modal dialog in the page. */

import { el, setText } from "./dom.js";

/**
 * Asks, and runs `act` on yes. The dialog stays open while it runs, and shows its error instead of closing.
 * @param {{title: string, text: string, yes: string, act: () => Promise<void>}} question
 * @returns {Promise<boolean>} whether it was done
 */
export function confirmAnd({ title, text, yes, act }) {
  return new Promise((resolve) => {
    let done = false;
    const fault = el("p", { class: "dialog-fault", role: "alert" });
    const cancel = el("button", { type: "button", class: "button", on: { click: () => dialog.close() } }, "Cancel");
    const go = el("button", { type: "button", class: "button danger", on: { click: run } }, yes);
    const dialog = el(
      "dialog",
      { class: "dialog", "aria-labelledby": "dialog-title", "aria-describedby": "dialog-text" },
      el("h2", { id: "dialog-title" }, title),
      el("p", { id: "dialog-text" }, text),
      fault,
      el("div", { class: "dialog-actions" }, cancel, go),
    );
    async function run() {
      go.disabled = true;
      setText(fault, "");
      try {
        await act();
        done = true;
        dialog.close();
      } catch (error) {
        setText(fault, error instanceof Error ? error.message : String(error));
        go.disabled = false;
      }
    }
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(done);
    });
    document.body.append(dialog);
    dialog.showModal();
    // The harmless answer is the one that Enter gives.
    cancel.focus();
  });
}
