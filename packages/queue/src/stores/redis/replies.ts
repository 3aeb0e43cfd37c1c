import type {
  ClaimedTask,
  ExchangeReply,
  ExchangeRequest,
  HistoryEntry,
  QueueStats,
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

const CLAIMED_FIELDS = 9;

function toClaimed(values: readonly unknown[], at: number): ClaimedTask {
  const { name, headers, payload } = parseBody(values[at + 1] as string);
  return {
    id: values[at] as string,
    epoch: values[at + 3] as number,
    queue: values[at + 2] as string,
    name,
    payload,
    headers,
    priority: values[at + 5] as number,
    attempt: values[at + 4] as number,
    maxAttempts: values[at + 6] as number,
    enqueuedAt: values[at + 7] as number,
    runAt: values[at + 8] as number,
  };
}

/** What EXCHANGE returned. */
export function exchangeReply(
  reply: unknown,
  request: ExchangeRequest,
  places: readonly number[],
): ExchangeReply {
  const [now, settledAt, extendedAt, values, nextDueAt] = reply as [
    number,
    number[],
    number[],
    unknown[],
    number | null,
  ];
  const settled: ('ok' | 'stale')[] = request.settle.map(() => 'stale');
  for (const place of settledAt) settled[places[place - 1] as number] = 'ok';
  const extended: ('ok' | 'lost')[] = request.extend.map(() => 'lost');
  for (const place of extendedAt) extended[place - 1] = 'ok';
  const claimed: ClaimedTask[] = [];
  for (let at = 0; at < values.length; at += CLAIMED_FIELDS) claimed.push(toClaimed(values, at));
  return { now, settled, extended, claimed, nextDueAt };
}

const orNull = (ms: number): number | null => (ms === 0 ? null : ms);

/** A task as the scripts that list show it. */
export function toRecord(values: readonly unknown[]): TaskRecord {
  const [id, body, queue, state, epoch, attempts, maxAttempts, priority, runAt, enqueuedAt] =
    values as [string, string, string, ...number[]];
  const [until, started, finished, expires, key, holder, result, log] = values.slice(10) as [
    number,
    number,
    number,
    number,
    string,
    string,
    string | null,
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
    key: key === '' ? null : key,
    enqueuedAt: enqueuedAt as number,
    runAt: runAt as number,
    startedAt: orNull(started),
    leaseUntil: orNull(until),
    worker: holder === '' ? null : holder,
    finishedAt: orNull(finished),
    expiresAt: orNull(expires),
    result,
    history: log === null ? [] : log.split('\n').map((line) => JSON.parse(line) as HistoryEntry),
  };
}

const NONE: Readonly<Record<TaskState, number>> = {
  ready: 0,
  scheduled: 0,
  leased: 0,
  completed: 0,
  dead: 0,
  cancelled: 0,
};

/** What STATS returned. */
export function statsReply(reply: unknown, all: boolean): QueueStats[] {
  const [now, rows] = reply as [number, unknown[][]];
  const listed: QueueStats[] = [];
  for (const [queue, paused, reason, by, configured, ...rest] of rows) {
    const numbers = rest as (number | null)[];
    const counts = { ...NONE };
    for (const [index, state] of STATES.entries()) counts[state] += numbers[index] ?? 0;
    const empty = Object.values(counts).every((count) => count === 0);
    if (all && empty && configured === null) continue;
    listed.push({
      queue: queue as string,
      paused: paused !== null,
      pausedReason: paused === null || reason === '' ? null : (reason as string),
      pausedBy: paused === null || by === '' ? null : (by as string),
      counts,
      oldestReadyAt: numbers[STATES.length] ?? null,
      now,
    });
  }
  return listed.sort((a, b) => (a.queue < b.queue ? -1 : 1));
}
