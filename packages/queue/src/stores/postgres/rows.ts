import type { SqlRow } from '@holdfast/sql';
import type { ClaimedTask, HistoryEntry, TaskRecord, TaskState } from '../../store.js';

/** The row of `queue_exchange_v1`. */
export interface ExchangeRow extends SqlRow {
  now: number;
  due: number | null;
  done: string[] | null;
  settled: number[] | null;
  extended: number[] | null;
  cancelling: number[] | null;
  donecancelled: string[] | null;
  settledcancelled: number[] | null;
  lease: number | null;
  renewed: number | null;
  keeps: boolean;
  claimed: string | null;
}

/** What all claimed tasks of a queue have in common, beside its name. */
type Shape = readonly [
  queue: string,
  name: string,
  headers: string | null,
  priority: number,
  epoch: number,
  attempt: number,
  maxAttempts: number,
  enqueuedAt: number,
  runAt: number,
];

/** The claimed tasks of a queue: those of one shape by twos, others with all that is known of them. */
export type Part = readonly [Shape | readonly [queue: string], readonly (string | number | null)[]];

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({});
/** Values of a task in a part without a shape. */
const WIDTH = 12;

/** The claimed tasks as the worker sees them, see `claimText`. */
export function toClaimed(text: string | null): ClaimedTask[] {
  return text === null ? [] : partsToClaimed(JSON.parse(`[${text}]`));
}

/** Claimed tasks as the worker sees them. */
export function partsToClaimed(parts: readonly Part[]): ClaimedTask[] {
  const known = new Map<unknown, Readonly<Record<string, string>>>([[null, NO_HEADERS]]);
  const headersOf = (json: unknown): Readonly<Record<string, string>> => {
    const found = known.get(json) ?? Object.freeze(JSON.parse(String(json)));
    known.set(json, found);
    return found;
  };
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return toTasks(only, headersOf);
  return parts.flatMap((part) => toTasks(part, headersOf));
}

function toTasks(
  [shape, values]: Part,
  headersOf: (json: unknown) => Readonly<Record<string, string>>,
): ClaimedTask[] {
  const claimed: ClaimedTask[] = [];
  if (shape.length === 1) {
    for (let at = 0; at < values.length; at += WIDTH) {
      claimed.push(toTask(shape[0], values.slice(at, at + WIDTH), headersOf));
    }
    return claimed;
  }
  const [queue, name, json, priority, epoch, attempt, maxAttempts, enqueuedAt, runAt] = shape;
  const headers = headersOf(json);
  for (let at = 0; at < values.length; at += 2) {
    claimed.push({
      id: values[at] as string,
      epoch,
      queue,
      name,
      payload: values[at + 1] as string,
      headers,
      priority,
      attempt,
      maxAttempts,
      enqueuedAt,
      runAt,
    });
  }
  return claimed;
}

function toTask(
  queue: string,
  values: readonly unknown[],
  headersOf: (json: unknown) => Readonly<Record<string, string>>,
): ClaimedTask {
  const [id, payload, name, headers, priority, epoch, attempt, maxAttempts, enqueuedAt, runAt] =
    values as [string, string, string, string | null, ...number[]];
  const [group, children] = values.slice(10) as [string | null, number];
  return {
    id,
    epoch: epoch ?? 0,
    queue,
    name,
    payload,
    headers: headersOf(headers),
    priority: priority ?? 0,
    attempt: attempt ?? 0,
    maxAttempts: maxAttempts ?? 0,
    enqueuedAt: enqueuedAt ?? 0,
    runAt: runAt ?? 0,
    ...(group === null ? {} : { group }),
    ...(children === 0 ? {} : { children }),
  };
}

/** A row of a list. */
export interface TaskRow extends SqlRow {
  id: string;
  queue: string;
  name: string;
  state: TaskState;
  priority: number;
  payload: string;
  headers: string | null;
  attempts: number;
  max_attempts: number;
  epoch: number;
  holder: string | null;
  run_at: Date;
  enqueued_at: Date;
  started_at: Date | null;
  lease_until: Date | null;
  key: string | null;
  history: string[] | null;
  result: string | null;
  finished_at: Date | null;
  expires_at: Date | null;
  grp: string | null;
  blocked: 'children' | 'group' | null;
  children: string[] | null;
  cancelling: boolean;
  progress: string | null;
}

const ms = (date: Date | null): number | null => date?.getTime() ?? null;

/** A task as it is kept. */
export function toRecord(row: TaskRow): TaskRecord {
  return {
    id: row.id,
    queue: row.queue,
    name: row.name,
    state: row.state,
    payload: row.payload,
    headers: row.headers === null ? {} : JSON.parse(row.headers),
    priority: row.priority,
    attempts: row.attempts,
    maxAttempts: row.max_attempts,
    epoch: row.epoch,
    key: row.key,
    enqueuedAt: row.enqueued_at.getTime(),
    runAt: row.run_at.getTime(),
    startedAt: ms(row.started_at),
    leaseUntil: ms(row.lease_until),
    worker: row.holder,
    finishedAt: ms(row.finished_at),
    expiresAt: ms(row.expires_at),
    result: row.result,
    history: (row.history ?? []).map((entry): HistoryEntry => JSON.parse(entry)),
    ...(row.grp === null ? {} : { group: row.grp }),
    ...(row.blocked === null ? {} : { blockedBy: row.blocked }),
    ...(row.children === null || row.children.length === 0 ? {} : { children: row.children }),
    ...(row.cancelling ? { cancelRequested: true as const } : {}),
    ...(row.progress === null ? {} : { progress: row.progress }),
  };
}
