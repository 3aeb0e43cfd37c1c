import type {
  EventPage,
  EventsRequest,
  QueueMinute,
  StoredEvent,
  StoredEventType,
} from '../../store.js';
import { eventDetail } from '../common.js';

const CURSOR = /^(0|[1-9][0-9]{0,15})$/;
const ENTRIES_A_CALL = 100;
const FIELDS = 6;
/** How often it is looked for events that are waited for. */
const POLL_MS = 50;

/** Last number, when, how many, and the texts of events that one call of a script made. */
type Entry = readonly [last: number, at: number, count: number, texts: string];

/** Calls EVENTS: after a number, '' or 'latest'. */
type Read = (after: string | number, entries: number) => Promise<unknown>;

/** The subjects of six texts: a type with a + before it has several. */
const subjectsOf = (kind: string, subjects: string): string[] =>
  kind.startsWith('+') ? subjects.split(' ') : [subjects];

/** The events of an entry, with their numbers. */
function* eventsOf([last, at, count, texts]: Entry): Generator<[number, StoredEvent]> {
  const parts = texts.split('\0');
  let number = last - count;
  for (let from = 0; from < parts.length; from += FIELDS) {
    const [kind = '', queue = '', subjects = '', ...rest] = parts.slice(from, from + FIELDS);
    const [name, epoch, progress] = rest;
    const type = kind.replace('+', '') as StoredEventType;
    const common = {
      at,
      type,
      queue,
      ...(name ? { name } : {}),
      ...(epoch ? { epoch: Number(epoch) } : {}),
      ...eventDetail(type, progress),
    };
    for (const subject of subjectsOf(kind, subjects)) {
      number++;
      yield [number, { cursor: String(number), subject, ...common }];
    }
  }
}

/** A page that is being filled. */
class Page {
  readonly events: StoredEvent[] = [];
  readonly #request: EventsRequest;
  /** Number of the last event looked at. */
  after: number;
  gap = false;

  constructor(request: EventsRequest, after: number) {
    this.#request = request;
    this.after = after;
  }

  /** Takes the events of an entry, as long as there is room. */
  take(entry: Entry): void {
    for (const [number, event] of eventsOf(entry)) {
      if (this.isFull()) return;
      if (number <= this.after) continue;
      this.after = number;
      if (this.#wants(event)) this.events.push(event);
    }
  }

  isFull(): boolean {
    return this.events.length >= this.#request.limit;
  }

  #wants({ queue, type }: StoredEvent): boolean {
    const { queues, types } = this.#request;
    return queues?.includes(queue) !== false && types?.includes(type) !== false;
  }
}

/** Reads on from a number until a page is full or there are no more. */
async function readPage(
  read: Read,
  start: number | '' | 'latest',
  request: EventsRequest,
): Promise<EventPage> {
  let page: Page | undefined;
  for (;;) {
    const reply = await read(page?.after ?? start, ENTRIES_A_CALL);
    const [kept, last, entries] = reply as [number, number, Entry[]];
    if (start === 'latest') return { events: [], cursor: String(last), gap: false };
    page ??= new Page(request, start === '' ? kept - 1 : start);
    if (page.after > last) {
      // Of another store, or of events that this one has lost: from the oldest, and read again.
      page.gap = true;
      page.after = kept - 1;
      continue;
    }
    if (page.after < kept - 1) {
      page.gap = true;
      page.after = kept - 1;
    }
    for (const entry of entries) page.take(entry);
    if (page.isFull() || entries.length < ENTRIES_A_CALL) {
      return { events: page.events, cursor: String(page.after), gap: page.gap };
    }
  }
}

function startOf(after: string | undefined): number | '' | 'latest' {
  if (after === undefined) return '';
  if (after === 'latest') return after;
  // What is no cursor is ahead of all.
  return CURSOR.test(after) ? Number(after) : Number.MAX_SAFE_INTEGER;
}

/** A page of events, waited for if there are none. */
export async function readEvents(
  read: Read,
  request: EventsRequest,
  isClosed: () => boolean,
): Promise<EventPage> {
  const { after, waitMs } = request;
  const known = startOf(after);
  const until = Date.now() + waitMs;
  let page = await readPage(read, known, request);
  const { gap } = page;
  while (page.events.length === 0 && Date.now() < until && !isClosed()) {
    const left = Math.max(1, Math.min(POLL_MS, until - Date.now()));
    await new Promise((resolve) => setTimeout(resolve, left));
    if (isClosed()) break;
    page = await readPage(read, Number(page.cursor), request);
  }
  return { ...page, gap: page.gap || gap };
}

const NO_COUNTS: Readonly<Omit<QueueMinute, 'at'>> = {
  added: 0,
  started: 0,
  completed: 0,
  failed: 0,
  dead: 0,
  waitMs: 0,
  runMs: 0,
  waitMaxMs: 0,
  runMaxMs: 0,
};

const isCount = (name: string): name is keyof typeof NO_COUNTS => Object.hasOwn(NO_COUNTS, name);

/** What MINUTES returned. */
export function minutesReply(reply: unknown): QueueMinute[] {
  return (reply as [number, string[]][]).map(([at, texts]) => {
    const counts: { -readonly [Name in keyof typeof NO_COUNTS]: number } = { ...NO_COUNTS };
    for (let index = 0; index < texts.length; index += 2) {
      const name = texts[index] ?? '';
      if (isCount(name)) counts[name] = Number(texts[index + 1]);
    }
    return { at, ...counts };
  });
}
