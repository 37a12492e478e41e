/** The console's line icons (24 × 24, drawn with the current colour). Drawn for this project. */

import { svg } from "./dom.js";

/** @type {Record<string, string[]>} */
const PATHS = {
  copy: ["M9 9h10v11H9z", "M15 9V5H5v11h4"],
  check: ["M5 12.5l4.5 4.5L19 7.5"],
  plus: ["M12 5v14", "M5 12h14"],
  eye: ["M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12z", "M12 9.5a2.5 2.5 0 100 5 2.5 2.5 0 000-5z"],
  eye_off: ["M4 4l16 16", "M9.5 5.9A8.6 8.6 0 0112 5.5c6 0 9.5 6.5 9.5 6.5a17 17 0 01-3 3.7", "M6 7.6A16 16 0 002.5 12S6 18.5 12 18.5a8.8 8.8 0 004-1"],
  back: ["M15 5l-7 7 7 7"],
  stop: ["M7 7h10v10H7z"],
  play: ["M8 5.5v13l11-6.5z"],
  trash: ["M5 7h14", "M10 7V4.5h4V7", "M7 7l1 13h8l1-13"],
  warn: ["M12 4.5L2.8 20h18.4z", "M12 10.5v4", "M12 17.3v.2"],
  info: ["M12 3.5a8.5 8.5 0 100 17 8.5 8.5 0 000-17z", "M12 11.5v4.5", "M12 8v.2"],
  antenna: ["M12 12v8.5", "M12 10a1.5 1.5 0 100 3 1.5 1.5 0 000-3z", "M8.3 15.2a5.2 5.2 0 010-7.4", "M15.7 7.8a5.2 5.2 0 010 7.4", "M5.3 18.2a9.5 9.5 0 010-13.4", "M18.7 4.8a9.5 9.5 0 010 13.4"],
  jump: ["M5 12h13", "M13 7l5 5-5 5"],
};

/** @param {keyof typeof PATHS} name */
export function icon(name) {
  return svg(
    "svg",
    { class: `icon icon-${name}`, viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" },
    ...PATHS[name].map((d) => svg("path", { d })),
  );
}
