import type { SqlRow } from '@holdfast/sql';
import type { ClaimedTask, HistoryEntry, TaskRecord, TaskState } from '../../store.js';

/** A row of `queue_exchange_v1`. */
export interface ExchangeRow extends SqlRow {
  o_kind: 'settled' | 'extended' | 'claimed' | 'now';
  o_ord: number;
  o_ok: boolean;
  o_id: string;
  o_queue: string;
  o_name: string;
  o_payload: string;
  o_headers: string;
  o_priority: number;
  o_epoch: number;
  o_attempt: number;
  o_max: number;
  o_at: number;
  o_due: number | null;
}

/** A claimed row as the worker sees it. */
export function toClaimed(row: ExchangeRow): ClaimedTask {
  return {
    id: row.o_id,
    epoch: row.o_epoch,
    queue: row.o_queue,
    name: row.o_name,
    payload: row.o_payload,
    headers: JSON.parse(row.o_headers),
    priority: row.o_priority,
    attempt: row.o_attempt,
    maxAttempts: row.o_max,
    enqueuedAt: row.o_at,
    runAt: row.o_due ?? row.o_at,
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
  };
}
