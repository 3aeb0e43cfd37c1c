import type { Clock } from '../../clock.js';
import type {
  EventPage,
  EventsRequest,
  QueueMinute,
  StoredEvent,
  StoredEventType,
} from '../../store.js';
import type { MemoryTask } from './task.js';

type Noted = Omit<StoredEvent, 'cursor'>;

const MINUTE_MS = 60_000;
const KEPT_MINUTES = 1_440;
const CURSOR = /^(0|[1-9][0-9]{0,15})$/;

/** What happened: the last events, and counts by the minute. */
export class MemoryJournal {
  readonly #clock: Clock;
  readonly #most: number;
  /** The first of them has the number `#dropped + 1`. */
  readonly #events: Noted[] = [];
  #dropped = 0;
  #closed = false;
  readonly #waiting = new Set<() => void>();
  readonly #minutes = new Map<string, Map<number, Tally>>();
  #lastQueue = '';
  #last: Tally | undefined;

  constructor(clock: Clock, most: number) {
    this.#clock = clock;
    this.#most = most;
  }

  /** Notes an event of a task. */
  task(type: StoredEventType, task: MemoryTask, at: number, withEpoch: boolean): void {
    const { queue, id: subject, name } = task.task;
    this.note(
      withEpoch
        ? { at, type, queue, subject, name, epoch: task.epoch }
        : { at, type, queue, subject, name },
    );
  }

  /** Notes what an operator did to a task. */
  change(
    type: StoredEventType,
    task: MemoryTask,
    at: number,
    more: Pick<Noted, 'by' | 'reason' | 'from' | 'epoch'>,
  ): void {
    const { queue, id: subject, name } = task.task;
    this.note({ at, type, queue, subject, name, ...more });
  }

  /** Notes an event. */
  note(event: Noted): void {
    const events = this.#events;
    events.push(event);
    // Twice as many are held now and then, so that dropping costs nothing on the way.
    if (events.length >= 2 * this.#most) {
      this.#dropped += events.length - this.#most;
      events.splice(0, events.length - this.#most);
    }
    if (this.#waiting.size > 0) this.#wakeAll();
  }

  /** The counts of the minute that is. */
  minute(queue: string, now: number): Tally {
    const last = this.#last;
    // Mostly the same as before: this is asked for with every claim and settlement.
    if (last !== undefined && this.#lastQueue === queue) {
      if (now >= last.at && now < last.at + MINUTE_MS) return last;
    }
    const at = now - (now % MINUTE_MS);
    let minutes = this.#minutes.get(queue);
    if (minutes === undefined) {
      minutes = new Map();
      this.#minutes.set(queue, minutes);
    }
    let tally = minutes.get(at);
    if (tally === undefined) {
      tally = newTally(at);
      minutes.set(at, tally);
      for (const old of minutes.keys()) {
        if (old > at - KEPT_MINUTES * MINUTE_MS) break;
        minutes.delete(old);
      }
    }
    this.#lastQueue = queue;
    this.#last = tally;
    return tally;
  }

  minutes(queue: string, fromMs: number, toMs: number): QueueMinute[] {
    const all = [...(this.#minutes.get(queue)?.values() ?? [])];
    return all.filter(({ at }) => at >= fromMs && at < toMs).map((tally) => ({ ...tally }));
  }

  async read(request: EventsRequest): Promise<EventPage> {
    const last = this.#dropped + this.#events.length;
    const { after = String(this.#dropped) } = request;
    // A cursor that this store did not give begins before everything, so that there is a gap.
    const given = CURSOR.test(after) && Number(after) <= last ? Number(after) : -1;
    let page = this.#page(after === 'latest' ? last : given, request);
    const { gap } = page;
    const until = this.#clock.now() + request.waitMs;
    for (let left = request.waitMs; page.events.length === 0 && left > 0 && !this.#closed; ) {
      await this.#next(left);
      page = this.#page(Number(page.cursor), request);
      left = until - this.#clock.now();
    }
    return { ...page, gap: page.gap || gap };
  }

  /** Ends waiting. */
  close(): void {
    this.#closed = true;
    this.#wakeAll();
  }

  #page(after: number, { queues, types, limit }: EventsRequest): EventPage {
    const events: StoredEvent[] = [];
    const gap = after < this.#dropped;
    let at = Math.max(0, after - this.#dropped);
    for (; at < this.#events.length && events.length < limit; at++) {
      const event = this.#events[at];
      if (event === undefined) break;
      if (queues !== undefined && !queues.includes(event.queue)) continue;
      if (types !== undefined && !types.includes(event.type)) continue;
      events.push({ cursor: String(this.#dropped + at + 1), ...event });
    }
    return { events, cursor: String(this.#dropped + at), gap };
  }

  #next(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        timer.clear();
        this.#waiting.delete(done);
        resolve();
      };
      const timer = this.#clock.setTimeout(done, waitMs);
      this.#waiting.add(done);
    });
  }

  #wakeAll(): void {
    for (const done of [...this.#waiting]) done();
  }
}

/** A minute that is being counted. */
export type Tally = { -readonly [Field in keyof QueueMinute]: QueueMinute[Field] };

function newTally(at: number): Tally {
  return {
    at,
    added: 0,
    started: 0,
    completed: 0,
    failed: 0,
    dead: 0,
    waitMs: 0,
    waitMaxMs: 0,
    runMs: 0,
    runMaxMs: 0,
  };
}
