import type { SqlRow } from '@holdfast/sql';
import type { ClaimedTask, HistoryEntry, TaskRecord, TaskState } from '../../store.js';

/** The row of `queue_exchange_v1`. */
export interface ExchangeRow extends SqlRow {
  now: number;
  due: number | null;
  done: number[] | null;
  settled: number[] | null;
  extended: number[] | null;
  claimed: string | null;
  cancelling: number[] | null;
  donecancelled: number[] | null;
  settledcancelled: number[] | null;
}

type ClaimedRow = readonly [
  id: string,
  epoch: number,
  queue: string,
  name: string,
  payload: string,
  headers: string,
  priority: number,
  attempt: number,
  maxAttempts: number,
  enqueuedAt: number,
  runAt: number,
  group: string | null,
  children: number | null,
];

/** The claimed tasks as the worker sees them, from the text of their rows. */
export function toClaimed(text: string | null): ClaimedTask[] {
  const rows: ClaimedRow[] = JSON.parse(`[${text ?? ''}]`);
  const parsed = new Map<string, Readonly<Record<string, string>>>();
  const headersOf = (json: string): Readonly<Record<string, string>> => {
    const known = parsed.get(json) ?? Object.freeze(JSON.parse(json));
    parsed.set(json, known);
    return known;
  };
  return rows.map((row) => ({
    id: row[0],
    epoch: row[1],
    queue: row[2],
    name: row[3],
    payload: row[4],
    headers: headersOf(row[5]),
    priority: row[6],
    attempt: row[7],
    maxAttempts: row[8],
    enqueuedAt: row[9],
    runAt: row[10],
    ...(row[11] === null ? {} : { group: row[11] }),
    ...(row[12] === null || row[12] === 0 ? {} : { children: row[12] }),
  }));
}

/** A row of a list. */
export interface TaskRow extends SqlRow {
  id: string;
  queue: string;
  name: string;
  state: TaskState;
  priority: number;
  payload: string;
  headers: string;
  attempts: number;
  max_attempts: number;
  epoch: number;
  holder: string | null;
  run_at: Date;
  enqueued_at: Date;
  started_at: Date | null;
  lease_until: Date | null;
  key: string | null;
  history: string[];
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
    headers: JSON.parse(row.headers),
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
    history: row.history.map((entry): HistoryEntry => JSON.parse(entry)),
    ...(row.grp === null ? {} : { group: row.grp }),
    ...(row.blocked === null ? {} : { blockedBy: row.blocked }),
    ...(row.children === null || row.children.length === 0 ? {} : { children: row.children }),
    ...(row.cancelling ? { cancelRequested: true as const } : {}),
    ...(row.progress === null ? {} : { progress: row.progress }),
  };
}
