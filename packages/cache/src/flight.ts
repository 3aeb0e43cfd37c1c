import type { Timer } from './clock.js';
import type { Ticket } from './tickets.js';
import type { Stale } from './tiers.js';

const ignore = (): void => {};

/** What a flight asks of who runs it. */
export interface FlightEvents {
  /** Called when its work is done, before anybody hears of it. */
  readonly onDone: () => void;
  /** Whether nobody has invalidated a stale value since the flight began. */
  readonly mayServe: (stale: Stale) => boolean;
}

/**
 * One load of a key: what all who wait for it share. It is answered once, with what the factory made, with a stale
 * value in its place, or with an error; after a stale answer the factory may go on in the background.
 */
export class Flight {
  readonly ticket: Ticket;
  /** What those who wait get. */
  readonly answer: Promise<unknown>;
  /** Whether it renews an entry that is still fresh: nobody waits for it. */
  readonly background: boolean;
  /** The tags of what it was answered with. */
  tags: readonly string[] = [];
  stale: Stale | undefined;
  servedStale = false;
  readonly #events: FlightEvents;
  #answered = false;
  #waiting = 0;
  #resolve: (value: unknown) => void = ignore;
  #reject: (reason: unknown) => void = ignore;
  #soft: Timer | undefined;
  #controller: AbortController | undefined;
  #abortReason: { readonly reason: unknown } | undefined;
  /** Called when the factory is given up. */
  onAbort: (reason: unknown) => void = ignore;

  constructor(ticket: Ticket, background: boolean, events: FlightEvents) {
    this.ticket = ticket;
    this.background = background;
    this.#events = events;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Those who were to get an error may all have gone.
    this.answer.catch(ignore);
  }

  /** Aborts when the factory has run too long, when nobody waits for it any more, or when the cache is closed. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason.reason);
    return this.#controller.signal;
  }

  /** What may be served in place of an error, and from now on in place of a wait: at once, or when the timer ends. */
  offer(
    stale: Stale,
    softMs: number | undefined,
    timer: (fn: () => void, ms: number) => Timer,
  ): void {
    this.stale = stale;
    if (softMs === undefined || this.#answered || this.#soft !== undefined) return;
    if (softMs === 0) this.answerStale();
    else this.#soft = timer(() => this.answerStale(), softMs);
  }

  /** Whether there was a stale value to answer with, or the answer was given before. */
  answerStale(): boolean {
    if (this.#answered) return true;
    if (this.stale === undefined || !this.#events.mayServe(this.stale)) return false;
    this.servedStale = !this.background;
    this.#end(this.stale.tags);
    this.#resolve(this.stale.value);
    return true;
  }

  /** The work is done. */
  succeed(value: unknown, tags: readonly string[]): void {
    this.#events.onDone();
    if (this.#answered) return;
    this.#end(tags);
    this.#resolve(value);
  }

  /** The work is done for nothing: those who wait get the stale value, or the error. */
  fail(reason: unknown): void {
    this.#events.onDone();
    if (this.answerStale()) return;
    this.#end([]);
    this.#reject(reason);
  }

  #end(tags: readonly string[]): void {
    this.tags = tags;
    this.#answered = true;
    this.#soft?.clear();
  }

  /** Somebody waits. */
  enter(): void {
    this.#waiting += 1;
  }

  /** Somebody waits no more. Tells whether that was the last, so that there is no need for an answer. */
  leave(): boolean {
    this.#waiting -= 1;
    return this.#waiting === 0 && !this.#answered && !this.background;
  }

  /** Ends as the wait does, or when the flight is aborted. */
  async whileWanted(wait: Promise<void>): Promise<void> {
    if (this.#abortReason !== undefined) throw this.#abortReason.reason;
    await new Promise<void>((resolve, reject) => {
      this.onAbort = reject;
      wait.then(resolve, reject);
    });
  }

  abort(reason: unknown): void {
    if (this.#abortReason !== undefined) return;
    this.#abortReason = { reason };
    this.#controller?.abort(reason);
    this.onAbort(reason);
  }

  get aborted(): { readonly reason: unknown } | undefined {
    return this.#abortReason;
  }
}
