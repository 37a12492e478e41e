/** Figures and times as people read them. Pure; an absent figure is an en dash, never "NaN" or "undefined". */

export const NONE = "–";

/** @param {unknown} value @returns {value is number} */
export function isFigure(value) {
  return typeof value === "number" && Number.isFinite(value);
}

/** @param {number|undefined|null} value @param {number} [digits] */
export function figure(value, digits = 0) {
  if (!isFigure(value)) return NONE;
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** @param {number|undefined|null} kbps */
export function bitrate(kbps) {
  if (!isFigure(kbps)) return NONE;
  return kbps >= 1000 ? `${figure(kbps / 1000, kbps >= 100_000 ? 0 : 1)} Mbit/s` : `${figure(kbps)} kbit/s`;
}

/** @param {number|undefined|null} bytes */
export function bytes(bytes) {
  if (!isFigure(bytes)) return NONE;
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${figure(value, unit > 1 && value < 100 ? 1 : 0)} ${units[unit]}`;
}

/** @param {number|undefined|null} seconds e.g. "42 s", "3 min 05 s", "2 h 07 min", "3 d 4 h" */
export function duration(seconds) {
  if (!isFigure(seconds) || seconds < 0) return NONE;
  const whole = Math.floor(seconds);
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
}

/** @param {number|undefined} width @param {number|undefined} height */
export function size(width, height) {
  return isFigure(width) && isFigure(height) && width > 0 && height > 0 ? `${width} × ${height}` : NONE;
}

/** Time of day, with the date when it is another day. @param {string|undefined} iso @param {Date} [now] */
export function clock(iso, now = new Date()) {
  const time = iso ? new Date(iso) : null;
  // Year 1 is how the API spells "never".
  if (!time || Number.isNaN(time.getTime()) || time.getFullYear() < 1971) return NONE;
  const ofDay = time.toLocaleTimeString("en-GB");
  return time.toDateString() === now.toDateString()
    ? ofDay
    : `${time.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: time.getFullYear() === now.getFullYear() ? undefined : "numeric" })}, ${ofDay}`;
}

/** The head of an id, enough to tell channels apart at a glance. @param {string} id */
export function shortId(id) {
  return id.slice(0, 8);
}
