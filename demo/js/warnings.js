/**
 * Warnings about a specification, as the API tells them: one line of text ("Warnings: 0: /pointer: detail; 1: …"), or JSON. Pure.
 */

/** @typedef {import("./types.js").Fault} Fault */

/** @param {string} body @returns {Fault[]} pointer "" where none is told */
export function warningsIn(body) {
  const told = parsed(body);
  if (told === undefined) return warningsInText(body);
  const value = told?.Job_validation_warnings ?? told?.warnings ?? (typeof told === "string" || Array.isArray(told) ? told : "");
  return (Array.isArray(value) ? value : [value]).flatMap((entry) =>
    typeof entry === "string" ? warningsInText(entry) : [{ pointer: String(entry?.pointer ?? ""), detail: String(entry?.detail ?? JSON.stringify(entry)) }],
  );
}

/** @param {string} body @returns {any} undefined for what is not JSON */
function parsed(body) {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** @param {string} text @returns {Fault[]} */
function warningsInText(text) {
  let rest = text.replace(/^\s*Warnings:\s*/i, "").trim();
  if (rest === "") return [];
  const parts = [];
  // Details hold semicolons and colons of their own, so only the next number in turn ends an entry.
  for (let index = 0; rest.startsWith(`${index}: `); index += 1) {
    rest = rest.slice(`${index}: `.length);
    const end = rest.indexOf(`; ${index + 1}: `);
    parts.push(end === -1 ? rest : rest.slice(0, end));
    rest = end === -1 ? "" : rest.slice(end + 2);
  }
  if (rest) parts.push(rest);
  return parts.map((part) => {
    const [, pointer = "", detail = part] = /^(\/\S*|): (.*)$/s.exec(part) ?? [];
    return { pointer, detail };
  });
}
