/**
 * Calls a task again and again: every 2 s in a visible tab, rarely in a hidden one, and with growing pauses while it fails.
 *
 * One call at a time. The interval is measured from the end of a call, so a slow server is never hurried.
 */

const VISIBLE_MS = 2000;
const HIDDEN_MS = 30_000;
const FAILING_MAX_MS = 15_000;

export class Poller {
  #failures = 0;
  #running = false;
  #again = false;
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #timer;

  /**
   * @param {() => Promise<void>} task
   * @param {(error: unknown, retryInMs: number) => void} onFailure
   */
  constructor(task, onFailure) {
    this.task = task;
    this.onFailure = onFailure;
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#plan() : this.now()));
    globalThis.addEventListener("online", () => this.now());
  }

  /** Calls at once, or right after the call under way. */
  async now() {
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#running = true;
    clearTimeout(this.#timer);
    try {
      do {
        this.#again = false;
        await this.task();
      } while (this.#again);
      this.#failures = 0;
    } catch (error) {
      this.#failures += 1;
      this.onFailure(error, this.#pause());
    } finally {
      this.#running = false;
      this.#plan();
    }
  }

  #pause() {
    const failing = Math.min(FAILING_MAX_MS, VISIBLE_MS * 2 ** Math.min(this.#failures, 6));
    return Math.max(this.#failures ? failing : VISIBLE_MS, document.hidden ? HIDDEN_MS : 0);
  }

  #plan() {
    clearTimeout(this.#timer);
    if (!this.#running) this.#timer = setTimeout(() => this.now(), this.#pause());
  }
}
