/** Tabs after the WAI-ARIA pattern: arrow keys move, one tab stop. */

import { el, setAttribute } from "./dom.js";

let made = 0;

/**
 * @param {string} label
 * @param {{title: string, panel: HTMLElement}[]} entries the first is open
 */
export function tabs(label, entries) {
  const prefix = `tabs-${(made += 1)}`;
  const buttons = entries.map(({ title, panel }, index) => {
    panel.id = `${prefix}-panel-${index}`;
    setAttribute(panel, "role", "tabpanel");
    setAttribute(panel, "aria-labelledby", `${prefix}-tab-${index}`);
    return el("button", { type: "button", role: "tab", id: `${prefix}-tab-${index}`, "aria-controls": panel.id, on: { click: () => open(index) } }, title);
  });

  /** @param {number} chosen */
  function open(chosen) {
    buttons.forEach((button, index) => {
      setAttribute(button, "aria-selected", String(index === chosen));
      button.tabIndex = index === chosen ? 0 : -1;
      entries[index].panel.hidden = index !== chosen;
    });
  }

  /** @param {KeyboardEvent} event */
  function move(event) {
    const here = buttons.indexOf(/** @type {any} */ (document.activeElement));
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (here === -1 || step === undefined) return;
    const next = (here + step + buttons.length) % buttons.length;
    open(next);
    buttons[next].focus();
    event.preventDefault();
  }

  open(0);
  const bar = el("div", { class: "segmented", role: "tablist", "aria-label": label, on: { keydown: move } }, ...buttons);
  return { bar, panels: entries.map(({ panel }) => panel) };
}
