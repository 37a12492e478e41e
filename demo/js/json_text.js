/**
 * A JSON reader (RFC 8259) that remembers where each value stands in the text, so that a fault's pointer (RFC 6901) can be shown
 * at its place. Pure. It does not build the value: JSON.parse does that once the text is known to be good.
 */

/** @typedef {{start: number, end: number}} Range offsets into the text, end exclusive */

export class JsonSyntaxError extends Error {
  /** @param {string} message @param {number} offset */
  constructor(message, offset) {
    super(message);
    this.offset = offset;
  }
}

/**
 * Places of all values by pointer; those of object members include their key.
 * @param {string} text @returns {Map<string, Range>} @throws {JsonSyntaxError}
 */
export function mapJson(text) {
  const reader = new Reader(text);
  reader.value("");
  reader.space();
  if (reader.at < text.length) reader.fail("Nothing may follow the closing brace");
  return reader.places;
}

/**
 * The place for a pointer: itself, else (letter case aside, as the API reads keys) the nearest ancestor that is in the text.
 * @param {Map<string, Range>} places @param {string} pointer @returns {Range & {exact: boolean}}
 */
export function locate(places, pointer) {
  const lower = new Map([...places].map(([key, range]) => [key.toLowerCase(), range]));
  let rest = pointer.startsWith("#") ? decodeURIComponent(pointer.slice(1)) : pointer;
  const whole = rest;
  for (;;) {
    const range = places.get(rest) ?? lower.get(rest.toLowerCase());
    if (range) return { ...range, exact: rest === whole };
    if (rest === "") return { start: 0, end: 0, exact: false };
    rest = rest.slice(0, Math.max(0, rest.lastIndexOf("/")));
  }
}

/** @param {string} text @param {number} offset @returns {number} counted from 1 */
export function lineOf(text, offset) {
  let line = 1;
  for (let index = text.indexOf("\n"); index !== -1 && index < offset; index = text.indexOf("\n", index + 1)) line += 1;
  return line;
}

/** Depth at which we stop: deeper than any specification, shallower than the stack. */
const MAX_DEPTH = 100;

class Reader {
  at = 0;
  depth = 0;
  /** @type {Map<string, Range>} */
  places = new Map();

  /** @param {string} text */
  constructor(text) {
    this.text = text;
  }

  /** @param {string} message @param {number} [offset] @returns {never} */
  fail(message, offset = this.at) {
    throw new JsonSyntaxError(message, offset);
  }

  space() {
    while (" \t\r\n".includes(this.text[this.at] ?? "x")) this.at += 1;
  }

  /** @param {string} pointer @param {number} [keyStart] */
  value(pointer, keyStart) {
    this.space();
    const start = keyStart ?? this.at;
    const first = this.text[this.at];
    if (first === "{") this.#nested(() => this.#object(pointer));
    else if (first === "[") this.#nested(() => this.#array(pointer));
    else if (first === '"') this.#string();
    else this.#word();
    this.places.set(pointer, { start, end: this.at });
  }

  /** @param {() => void} read */
  #nested(read) {
    this.depth += 1;
    if (this.depth > MAX_DEPTH) this.fail("Nested too deeply");
    this.at += 1;
    read();
    this.depth -= 1;
  }

  /** @param {string} pointer */
  #object(pointer) {
    const seen = new Set();
    this.space();
    if (this.text[this.at] === "}") return void (this.at += 1);
    for (;;) {
      this.space();
      const keyStart = this.at;
      if (this.text[this.at] !== '"') this.fail(this.text[this.at] === "}" ? "A comma too many before }" : 'Expected a key in double quotes ("…")');
      const key = this.#string();
      if (seen.has(key)) this.fail(`The key "${key}" stands here twice`, keyStart);
      seen.add(key);
      this.space();
      if (this.text[this.at] !== ":") this.fail("Expected : after the key");
      this.at += 1;
      this.value(`${pointer}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`, keyStart);
      this.space();
      const mark = this.text[this.at];
      if (mark !== "," && mark !== "}") this.fail("Expected , or }");
      this.at += 1;
      if (mark === "}") return;
    }
  }

  /** @param {string} pointer */
  #array(pointer) {
    this.space();
    if (this.text[this.at] === "]") return void (this.at += 1);
    for (let index = 0; ; index += 1) {
      this.space();
      if (this.text[this.at] === "]") this.fail("A comma too many before ]");
      this.value(`${pointer}/${index}`);
      this.space();
      const mark = this.text[this.at];
      if (mark !== "," && mark !== "]") this.fail("Expected , or ]");
      this.at += 1;
      if (mark === "]") return;
    }
  }

  /** @returns {string} */
  #string() {
    const start = this.at;
    for (this.at += 1; this.text[this.at] !== '"'; this.at += 1) {
      const code = this.text.charCodeAt(this.at);
      if (Number.isNaN(code) || code < 0x20) this.fail("The closing quote is missing", start);
      if (this.text[this.at] === "\\") this.at += 1;
    }
    this.at += 1;
    try {
      return JSON.parse(this.text.slice(start, this.at));
    } catch {
      return this.fail("Not a valid \\ escape in this text", start);
    }
  }

  #word() {
    const start = this.at;
    while (/[\w+.-]/.test(this.text[this.at] ?? "")) this.at += 1;
    const word = this.text.slice(start, this.at);
    if (word === "") this.fail(start >= this.text.length ? "The text ends too early: a closing } or ] is missing" : `Unexpected ${this.text[start]}`);
    if (!/^(true|false|null|-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?)$/.test(word)) this.fail(`"${word}" is neither a number, true, false nor null; texts need double quotes`, start);
  }
}
