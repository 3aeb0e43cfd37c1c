import type { TaskInfo } from './admin-data.js';
import { invalidOption, isStorable } from './options.js';
import type { TaskRecord } from './store.js';

const iso = (ms: number): string => new Date(ms).toISOString();
const isoOrNull = (ms: number | null): string | null => (ms === null ? null : iso(ms));

/** Text that should be JSON; as it is when it is not. */
export function parsedText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** A task as plain data. */
export function toTaskInfo(record: TaskRecord): TaskInfo {
  const { key, payload, result, history, enqueuedAt, runAt, children, progress, ...rest } = record;
  return {
    ...rest,
    headers: { ...record.headers },
    idempotencyKey: key,
    payload: parsedText(payload),
    result: result === null ? null : parsedText(result),
    enqueuedAt: iso(enqueuedAt),
    runAt: iso(runAt),
    startedAt: isoOrNull(record.startedAt),
    leaseUntil: isoOrNull(record.leaseUntil),
    finishedAt: isoOrNull(record.finishedAt),
    expiresAt: isoOrNull(record.expiresAt),
    history: history.map((entry) => ({ ...entry, at: iso(entry.at) })),
    ...(children === undefined ? {} : { children: [...children] }),
    ...(progress === undefined ? {} : { progress: parsedText(progress) }),
  };
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** An opaque cursor of a list that is ordered by names: where the page ended. */
export function encodeNames(...names: readonly string[]): string {
  return Buffer.from(JSON.stringify(names)).toString('base64url');
}

/** @throws QueueError `QUEUE_OPTION_INVALID` */
export function decodeNames(cursor: string, count: number): string[] {
  const names = parsedText(Buffer.from(cursor, 'base64url').toString());
  const isName = (name: unknown): boolean => typeof name === 'string' && isStorable(name);
  if (Array.isArray(names) && names.length === count && names.every(isName)) return names;
  throw invalidOption('input.cursor', 'the nextCursor of a page', cursor);
}

/** An opaque cursor: where the page ended. */
export function encodeCursor(id: string): string {
  return Buffer.from(id).toString('base64url');
}

/** @throws QueueError `QUEUE_OPTION_INVALID` */
export function decodeCursor(cursor: string): string {
  const id = Buffer.from(cursor, 'base64url').toString();
  if (!UUID.test(id)) throw invalidOption('input.cursor', 'the nextCursor of a page', cursor);
  return id;
}
