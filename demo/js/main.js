/**
 * The console: wires list, pages, polling and address together. Holds the only state there is, and none that outlives the page.
 *
 * Leaving or reloading the page never changes a channel: nothing is sent but what a button was pressed for.
 */

import { ApiError, consoleSettings, getEvents, getJob, listJobs } from "./api.js";
import { ChannelView } from "./channel_view.js";
import { CreateView } from "./create_view.js";
import { setChildren, setText } from "./dom.js";
import { shortId } from "./format.js";
import { History } from "./history.js";
import { ListView } from "./list_view.js";
import { Notices } from "./notices.js";
import { Poller } from "./poller.js";
import { go, parseRoute } from "./route.js";
import { blank, welcome } from "./welcome_view.js";
import { phaseWords } from "./words.js";

/** @typedef {import("./types.js").LiveJob} LiveJob */

const WIDE = matchMedia("(min-width: 60rem)");

const main = /** @type {HTMLElement} */ (document.getElementById("main"));
const sidebar = /** @type {HTMLElement} */ (document.getElementById("sidebar"));

const history = new History();
const notices = new Notices();
const list = new ListView();
const settings = await consoleSettings();

/** @type {LiveJob[]|null} null until the first answer */
let jobs = null;
let route = parseRoute(location.hash);
/** @type {ChannelView|null} */
let channel = null;
/** @type {CreateView|null} kept, so that drafts survive a look at a channel */
let creation = null;
let eventsAvailable = settings.features.events;

const poller = new Poller(refresh, (error, retryInMs) => {
  if (error instanceof ApiError && !error.isOutage) notices.say(error.message, "bad");
  else notices.outage(`The server cannot be reached. Trying again in ${Math.round(retryInMs / 1000)} s. Running channels are not affected.`);
});

async function refresh() {
  const told = await listJobs();
  told.sort((a, b) => (b.Time_created ?? "").localeCompare(a.Time_created ?? "") || a.Id.localeCompare(b.Id));
  jobs = told;
  const now = Date.now();
  for (const job of told) history.add(job, now);
  history.keepOnly(new Set(told.map((job) => job.Id)));
  await refreshChannel();
  notices.outage("");
  show();
}

async function refreshChannel() {
  const view = channel;
  if (!view) return;
  try {
    const job = await getJob(view.id);
    if (view !== channel) return;
    history.add(job, Date.now());
    view.update(job, history.of(job.Id), Date.now());
    document.title = `${phaseWords(job).word} · ${shortId(job.Id)} · ezLiveStreaming`;
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404)) throw error;
    if (view !== channel) return;
    if (view.deleting) go({ page: "home" }, { replace: true });
    else showGone();
    return;
  }
  if (eventsAvailable) {
    const events = await eventsOf(view.id);
    if (view === channel) view.events.update(events);
  }
}

/** @param {string} id */
async function eventsOf(id) {
  try {
    return await getEvents(id);
  } catch (error) {
    // An API without events is not asked again; the channel deleted meanwhile is no reason to think so.
    if (error instanceof ApiError && error.status === 404) eventsAvailable = jobs?.every((job) => job.Id !== id) ?? true;
    else if (!(error instanceof ApiError)) throw error;
    return null;
  }
}

function showGone() {
  leaveChannel();
  setPage(blank("This channel is gone", "It was deleted, or the address is not quite right."));
}

function leaveChannel() {
  channel?.close();
  channel = null;
}

/** @param {HTMLElement} page @param {{focus?: boolean}} [options] */
function setPage(page, { focus = true } = {}) {
  if (main.firstElementChild === page) return;
  setChildren(main, [page]);
  main.scrollTop = 0;
  globalThis.scrollTo(0, 0);
  const heading = page.querySelector("h2");
  if (focus && heading instanceof HTMLElement) heading.focus({ preventScroll: true });
}

/** Called when the address changes. */
function navigate() {
  route = parseRoute(location.hash);
  leaveChannel();
  document.title = "ezLiveStreaming";
  if (route.page === "new") {
    creation ??= new CreateView(settings, { onCreated: created });
    setPage(creation.node);
  } else if (route.page === "channel") {
    openChannel(route.id);
  } else setChildren(main, []);
  show();
}

/** @param {string} id */
function openChannel(id) {
  channel = new ChannelView(id, {
    notices,
    onChanged: () => poller.now(),
    onDeleted: () => {
      jobs = jobs?.filter((job) => job.Id !== id) ?? null;
      go({ page: "home" });
      poller.now();
    },
  });
  const known = jobs?.find((job) => job.Id === id);
  // The list's record (its key masked) fills the page until the full one is here.
  if (known) channel.update(known, history.of(id), Date.now());
  setPage(channel.node, { focus: main.contains(document.activeElement) || document.activeElement === document.body });
  poller.now();
}

/** @param {LiveJob} job */
function created(job) {
  creation = null;
  jobs = [job, ...(jobs ?? [])];
  notices.say("Channel created");
  go({ page: "channel", id: job.Id });
}

/** Brings list and empty states in line with what is known. */
function show() {
  const current = route.page === "channel" ? route.id : "";
  list.update(jobs, current);
  const staying = jobs?.filter((job) => !job.Delete) ?? [];
  const empty = jobs !== null && staying.length === 0;
  Object.assign(document.body.dataset, { page: route.page, empty: String(empty), loading: String(jobs === null) });
  if (route.page !== "home") return;
  if (empty && !main.querySelector(".welcome")) setPage(welcome(), { focus: false });
  // On a wide screen an empty half would be a waste; on a phone the list is the page.
  else if (staying.length && WIDE.matches) go({ page: "channel", id: staying[0].Id }, { replace: true });
}

setText(/** @type {HTMLElement} */ (document.getElementById("version")), settings.version);
setChildren(sidebar, [list.node]);
document.body.append(notices.node);
// Its own address would be taken for a route.
document.querySelector(".skip")?.addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
globalThis.addEventListener("hashchange", navigate);
WIDE.addEventListener("change", show);
navigate();
poller.now();
