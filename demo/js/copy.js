/** Copying to the clipboard, and the button that does it. */

import { el, setText } from "./dom.js";
import { icon } from "./icons.js";

const THANKS_MS = 1600;

/** @param {string} text @returns {Promise<boolean>} */
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

/** Pages served over plain HTTP from another machine have no clipboard API. @param {string} text */
function copyBySelection(text) {
  const area = el("textarea", { class: "offscreen", readonly: true, "aria-hidden": "true", tabindex: "-1" });
  area.value = text;
  const focused = document.activeElement;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return done;
}

/**
 * @param {string} what named in the label: "Copy <what>"
 * @param {() => string} read the text at the time of the click
 */
export function copyButton(what, read) {
  const said = el("span", { class: "offscreen", role: "status" });
  const button = el("button", { type: "button", class: "copy", "aria-label": `Copy ${what}`, title: `Copy ${what}` }, icon("copy"), icon("check"), said);
  let timer = /** @type {ReturnType<typeof setTimeout>|undefined} */ (undefined);
  button.addEventListener("click", async () => {
    const text = read();
    if (!text) return;
    const done = await copyText(text);
    button.classList.toggle("copied", done);
    setText(said, done ? "Copied" : "Copying was refused by the browser");
    clearTimeout(timer);
    timer = setTimeout(() => {
      button.classList.remove("copied");
      setText(said, "");
    }, THANKS_MS);
  });
  return button;
}
