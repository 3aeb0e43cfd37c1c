import type {
  ClaimedTask,
  EnqueueOutcome,
  ExchangeReply,
  ExchangeRequest,
  HistoryEntry,
  NewTask,
  SweepReport,
  TaskRecord,
  TaskState,
} from '../../store.js';

/** States by the number that the scripts use, from 1. The third is what is blocked. */
export const STATES: readonly TaskState[] = [
  'ready',
  'scheduled',
  'scheduled',
  'leased',
  'completed',
  'dead',
  'cancelled',
];

interface Body {
  readonly name: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: string;
}

/** Heads seen lately: tasks of one kind without headers share theirs. */
const heads = new Map<string, [string, Record<string, string>]>();
const MOST_HEADS = 500;

function parseBody(body: string): Body {
  const end = body.indexOf('\n');
  const text = body.slice(0, end);
  let head = heads.get(text);
  if (head === undefined) {
    head = JSON.parse(text) as [string, Record<string, string>];
    if (heads.size >= MOST_HEADS) heads.clear();
    if (text.endsWith(',{}]')) heads.set(text, head);
  }
  return { name: head[0], headers: { ...head[1] }, payload: body.slice(end + 1) };
}

const CLAIMED_FIELDS = 10;

/** What only some tasks have, as the scripts keep it. */
interface More {
  readonly g?: string;
  readonly blocked?: 'children' | 'group';
  readonly children?: readonly string[];
}

function toClaimed(values: readonly unknown[], at: number): ClaimedTask {
  const claimed = {
    id: values[at] as string,
    epoch: values[at + 3] as number,
    queue: values[at + 2] as string,
    ...parseBody(values[at + 1] as string),
    priority: values[at + 5] as number,
    attempt: values[at + 4] as number,
    maxAttempts: values[at + 6] as number,
    enqueuedAt: values[at + 7] as number,
    runAt: values[at + 8] as number,
  };
  if (values[at + 9] === '') return claimed;
  const { g, children } = JSON.parse(values[at + 9] as string) as More;
  return {
    ...claimed,
    ...(g === undefined ? {} : { group: g }),
    ...(children === undefined ? {} : { children: children.length }),
  };
}

/** What all tasks of one call have in common, as it is kept: see the keys in lua/head.ts. */
interface PlainHead {
  readonly text: string;
  readonly common: Omit<ClaimedTask, 'id' | 'payload' | 'headers'>;
  readonly headers: Readonly<Record<string, string>>;
}

function parseHead(text: string): PlainHead {
  const end = text.indexOf('\n');
  const [queue, , maxAttempts, , , enqueuedAt, runAt] = JSON.parse(text.slice(1, end)) as [
    string,
    string,
    ...number[],
  ];
  const [name, headers] = JSON.parse(text.slice(end + 1)) as [string, Record<string, string>];
  const common = {
    epoch: 1,
    queue,
    name,
    priority: 0,
    attempt: 1,
    maxAttempts: maxAttempts as number,
    enqueuedAt: enqueuedAt as number,
    runAt: runAt as number,
  };
  return { text, common, headers };
}

/** Plain tasks, most of which have the head of the one before. */
function addPlain(ids: readonly string[], rows: readonly string[], claimed: ClaimedTask[]): void {
  let head: PlainHead | undefined;
  for (const [index, row] of rows.entries()) {
    if (head === undefined || !row.startsWith(head.text)) {
      head = parseHead(row.slice(0, row.indexOf('\n', row.indexOf('\n') + 1) + 1));
    }
    const payload = row.slice(row.indexOf(' ', head.text.length) + 1);
    claimed.push(plainTask(ids[index] as string, head, payload));
  }
}

function plainTask(id: string, { common, headers }: PlainHead, payload: string): ClaimedTask {
  return {
    id,
    epoch: 1,
    queue: common.queue,
    name: common.name,
    headers: { ...headers },
    payload,
    priority: 0,
    attempt: 1,
    maxAttempts: common.maxAttempts,
    enqueuedAt: common.enqueuedAt,
    runAt: common.runAt,
  };
}

const NUL = 0;
const LINE_FEED = 10;
const SPACE = 32;

function endOf(bytes: Buffer, byte: number, from: number): number {
  const at = bytes.indexOf(byte, from);
  return at < 0 ? bytes.length : at;
}

/**
 * Plain tasks that come as one text of ids and one of what is kept of them. Texts are made of bytes, one by one: a part
 * of a long text would keep all of it in memory, as long as somebody has it.
 */
function addJoined(
  ids: Buffer,
  [rows, ...starts]: readonly [Buffer, ...number[]],
  claimed: ClaimedTask[],
): void {
  let head: PlainHead | undefined;
  let headBytes = 0;
  let run = 0;
  let idFrom = 0;
  let number = 1;
  for (let from = 0; from < rows.length; number++) {
    const to = endOf(rows, NUL, from);
    if (head === undefined || starts[run] === number) {
      headBytes = rows.indexOf(LINE_FEED, rows.indexOf(LINE_FEED, from) + 1) + 1 - from;
      head = parseHead(rows.toString('utf8', from, from + headBytes));
      run++;
    }
    const idTo = endOf(ids, SPACE, idFrom);
    const payloadFrom = rows.indexOf(SPACE, from + headBytes) + 1;
    const payload = rows.toString('utf8', payloadFrom, to);
    claimed.push(plainTask(ids.toString('utf8', idFrom, idTo), head, payload));
    idFrom = idTo + 1;
    from = to + 1;
  }
}

/** With texts in the place of their bytes. */
function withTexts(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString();
  return Array.isArray(value) ? value.map(withTexts) : value;
}

/** Claimed tasks come in pairs: ids and texts of plain ones, each joined or not, or 0 and the values of others. */
export function claimedOf(segments: readonly unknown[]): ClaimedTask[] {
  const claimed: ClaimedTask[] = [];
  for (let at = 0; at < segments.length; at += 2) {
    const first = segments[at];
    if (Buffer.isBuffer(first)) {
      addJoined(first, segments[at + 1] as [Buffer, ...number[]], claimed);
      continue;
    }
    const [ids, values] = [withTexts(first), withTexts(segments[at + 1]) as unknown[]];
    if (ids !== 0) {
      addPlain(ids as string[], values as string[], claimed);
      continue;
    }
    for (let from = 0; from < values.length; from += CLAIMED_FIELDS) {
      claimed.push(toClaimed(values, from));
    }
  }
  return claimed;
}

/** What EXCHANGE returned. */
export function exchangeReply(
  reply: unknown,
  request: ExchangeRequest,
  places: readonly number[],
): ExchangeReply {
  const [now, staleAt, extendedAt, segments, nextDueAt, endedAt] = reply as [
    number,
    number[],
    number[],
    unknown[],
    number | null,
    number[],
  ];
  const settled: ('ok' | 'stale')[] = request.settle.map(() => 'ok');
  // Of several settlements of one task the first counts.
  if (places.length < settled.length) {
    settled.fill('stale');
    for (const place of places) settled[place] = 'ok';
  }
  for (const place of staleAt) settled[places[place - 1] as number] = 'stale';
  const extended: ('ok' | 'lost' | 'cancel')[] = request.extend.map(() => 'lost');
  for (const place of extendedAt) extended[Math.abs(place) - 1] = place < 0 ? 'cancel' : 'ok';
  const answer = { now, settled, extended, claimed: claimedOf(segments), nextDueAt };
  if (endedAt.length === 0) return answer;
  const cancelled = endedAt.map((place) => places[place - 1] as number);
  return { ...answer, cancelled: cancelled.sort((a, b) => a - b) };
}

const orNull = (ms: number | undefined): number | null => (ms ? ms : null);

function moreOfRecord(text: string): Pick<TaskRecord, 'group' | 'blockedBy' | 'children'> {
  if (text === '') return {};
  const { g, blocked, children } = JSON.parse(text) as More;
  return {
    ...(g === undefined ? {} : { group: g }),
    ...(blocked === undefined ? {} : { blockedBy: blocked }),
    ...(children === undefined ? {} : { children }),
  };
}

/** A task as the scripts that list show it. */
export function toRecord(values: readonly unknown[]): TaskRecord {
  const [id, body, queue, state, epoch, attempts, maxAttempts, priority, runAt, enqueuedAt] =
    values as [string, string, string, ...number[]];
  const [until, started, finished, expires] = values.slice(10, 14) as number[];
  const [key, holder, result, log, more, cancel, progress] = values.slice(14) as [
    string | null,
    string,
    string | null,
    string | null,
    string,
    number,
    string | null,
  ];
  return {
    id,
    queue,
    ...parseBody(body),
    state: STATES[(state as number) - 1] ?? 'ready',
    priority: priority as number,
    attempts: attempts as number,
    maxAttempts: maxAttempts as number,
    epoch: epoch as number,
    key,
    enqueuedAt: enqueuedAt as number,
    runAt: runAt as number,
    startedAt: orNull(started),
    leaseUntil: orNull(until),
    worker: holder === '' ? null : holder,
    finishedAt: orNull(finished),
    expiresAt: orNull(expires),
    result,
    history: log === null ? [] : log.split('\n').map((line) => JSON.parse(line) as HistoryEntry),
    ...moreOfRecord(more),
    ...(cancel === 1 ? { cancelRequested: true as const } : {}),
    ...(progress === null ? {} : { progress }),
  };
}

/** What ENQUEUE returned. */
export function enqueueReply(reply: unknown, tasks: readonly NewTask[]): EnqueueOutcome[] {
  const outcomes: EnqueueOutcome[] = tasks.map(({ id }) => ({ outcome: 'added', id }));
  const others = reply as [number, EnqueueOutcome['outcome'], string][number][];
  for (let at = 0; at < others.length; at += 3) {
    const outcome = others[at + 1] as EnqueueOutcome['outcome'];
    outcomes[Number(others[at]) - 1] = { outcome, id: String(others[at + 2]) };
  }
  return outcomes;
}

/** What SWEEP returned, with the schedules that fired. */
export function sweepReply(reply: unknown, fired: number): SweepReport {
  const [lapsed, dead, pruned] = reply as [number, string[], number];
  const died: { id: string; queue: string; name: string }[] = [];
  for (let at = 0; at < dead.length; at += 3) {
    const [id = '', queue = '', name = ''] = dead.slice(at, at + 3);
    died.push({ id, queue, name });
  }
  return { lapsed, died, pruned, ...(fired === 0 ? {} : { fired }) };
}
