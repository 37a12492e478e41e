/**
 * The REST API of the same origin.
 *
 * Every call has a deadline; every failure is an {@link ApiError} with words for people. No retries here: the poller comes again,
 * and what a user asked for is asked once.
 */

import { warningsIn } from "./warnings.js";

const DEADLINE_MS = 15_000;
/** Pages of the list that are followed at most; a list beyond that is cut, not waited for. */
const MAX_PAGES = 20;

export class ApiError extends Error {
  /**
   * @param {string} message
   * @param {{status?: number, faults?: import("./types.js").Fault[], cause?: unknown}} [more] no status: the server was not reached
   */
  constructor(message, { status, faults = [], cause } = {}) {
    super(message, { cause });
    this.status = status;
    this.faults = faults;
  }

  /** Whether the server was not reached at all, or is not well. */
  get isOutage() {
    return this.status === undefined || this.status >= 500;
  }
}

/** @returns {Promise<import("./types.js").LiveJob[]>} all pages */
export async function listJobs() {
  const jobs = [];
  let url = /** @type {string|null} */ ("/jobs");
  for (let page = 0; url !== null && page < MAX_PAGES; page += 1) {
    const response = await send("GET", url);
    const list = await json(response);
    // The original answers null where there are none.
    if (Array.isArray(list)) jobs.push(...list.filter((job) => typeof job?.Id === "string"));
    url = nextPage(response.headers.get("Link"));
  }
  return jobs;
}

/** @param {string} id @returns {Promise<import("./types.js").LiveJob>} */
export async function getJob(id) {
  return json(await send("GET", jobPath(id)));
}

/** @param {string} id @returns {Promise<import("./types.js").JobEvent[]>} */
export async function getEvents(id) {
  const body = await json(await send("GET", jobPath(id, "/events")));
  const list = Array.isArray(body) ? body : (body?.events ?? body?.data ?? []);
  return Array.isArray(list) ? list : [];
}

/** @param {object} spec @returns {Promise<import("./types.js").LiveJob>} */
export async function createJob(spec) {
  // A document that was checked may still carry the dry-run switch; creating must create.
  const { Api_test: _, ...rest } = /** @type {any} */ (spec);
  return json(await send("POST", "/jobs", rest));
}

/** Validates without creating. @param {object} spec @returns {Promise<import("./types.js").Fault[]>} warnings */
export async function checkJob(spec) {
  const response = await send("POST", "/jobs", { ...spec, Api_test: 1 });
  return warningsIn(await response.text());
}

/** @param {string} id */
export async function stopJob(id) {
  await send("PUT", jobPath(id, "/stop"));
}

/** @param {string} id */
export async function resumeJob(id) {
  await send("PUT", jobPath(id, "/resume"));
}

/** @param {string} id */
export async function deleteJob(id) {
  await send("DELETE", jobPath(id));
}

/** Facts about this installation; sensible ones where it has none to tell. @returns {Promise<import("./types.js").ConsoleSettings>} */
export async function consoleSettings() {
  const fallback = { bucket: "my-live-bucket", version: "", features: { drm: false, events: true } };
  try {
    const told = await json(await send("GET", "/console.json"));
    return {
      bucket: typeof told?.bucket === "string" && told.bucket ? told.bucket : fallback.bucket,
      version: typeof told?.version === "string" ? told.version : "",
      features: { drm: told?.features?.drm === true, events: told?.features?.events !== false },
    };
  } catch {
    return fallback;
  }
}

/** The address with rel="next" in a Link header (RFC 8288), if it is ours. @param {string|null} header @param {string} [base] */
export function nextPage(header, base = globalThis.location?.href) {
  for (const [, target, parameters] of (header ?? "").matchAll(/<([^>]*)>([^,]*)/g)) {
    if (!/;\s*rel\s*=\s*"?[^";]*\bnext\b/i.test(parameters)) continue;
    const url = new URL(target, new URL("/jobs", base));
    return url.origin === new URL(base).origin ? url.pathname + url.search : null;
  }
  return null;
}

/** @param {string} id @param {string} [rest] */
function jobPath(id, rest = "") {
  return `/jobs/${encodeURIComponent(id)}${rest}`;
}

/** @param {string} method @param {string} url @param {object} [body] @returns {Promise<Response>} */
async function send(method, url, body) {
  let response;
  try {
    response = await fetch(url, {
      method,
      headers: { Accept: "application/json", ...(body ? { "Content-Type": "application/json" } : {}) },
      body: body ? JSON.stringify(body) : undefined,
      cache: "no-store",
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
  } catch (cause) {
    throw new ApiError("The server cannot be reached", { cause });
  }
  if (!response.ok) throw await problem(response);
  return response;
}

/** @param {Response} response */
async function json(response) {
  try {
    return await response.json();
  } catch (cause) {
    throw new ApiError("The server's answer is not JSON", { status: response.status, cause });
  }
}

/** An error answer: problem details (RFC 9457), or text as the original has it. @param {Response} response */
async function problem(response) {
  const status = response.status;
  const text = await response.text().catch(() => "");
  try {
    const told = JSON.parse(text);
    const faults = (Array.isArray(told.errors) ? told.errors : [])
      .map((/** @type {any} */ fault) => ({ pointer: String(fault?.pointer ?? ""), detail: String(fault?.detail ?? "") }));
    const words = [told.title, told.detail].filter((part) => typeof part === "string" && part).join(": ");
    return new ApiError(words || `The server answered ${status}`, { status, faults });
  } catch {
    return new ApiError(text.trim().slice(0, 300) || `The server answered ${status}`, { status });
  }
}
