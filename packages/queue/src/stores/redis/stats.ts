import type { QueueLimits, QueueStats, TaskState } from '../../store.js';
import { STATES } from './replies.js';

const NONE: Readonly<Record<TaskState, number>> = {
  ready: 0,
  scheduled: 0,
  leased: 0,
  completed: 0,
  dead: 0,
  cancelled: 0,
};

const BLOCKED_AT = 2;

function toLimits(text: string | null, range: string | null): QueueLimits | undefined {
  if (!text && !range) return undefined;
  const none = { concurrency: null, rate: null, groupDefaults: null, groups: {} };
  const [min = 0, max = 0] = (range ?? '').split(' ').map(Number);
  const priorities = range ? { min, max } : null;
  return { ...none, ...(JSON.parse(text ?? '{}') as Partial<QueueLimits>), priorities };
}

function toStats([queue, ...row]: readonly unknown[], now: number): QueueStats {
  const [paused, reason, by, , limits] = row as (string | null)[];
  const numbers = row.slice(5) as (number | null)[];
  const counts = { ...NONE };
  for (const [index, state] of STATES.entries()) counts[state] += numbers[index] ?? 0;
  const blocked = numbers[BLOCKED_AT] ?? 0;
  const known = toLimits(limits ?? null, (row[6 + STATES.length] as string | null) ?? null);
  return {
    queue: queue as string,
    paused: paused !== null,
    pausedReason: paused === null || !reason ? null : reason,
    pausedBy: paused === null || !by ? null : by,
    counts,
    oldestReadyAt: numbers[STATES.length] ?? null,
    now,
    ...(blocked === 0 ? {} : { blocked }),
    ...(known === undefined ? {} : { limits: known }),
  };
}

/** What STATS returned; of all queues, those that have a task or a setting. */
export function statsReply(reply: unknown, all: boolean): QueueStats[] {
  const [now, rows] = reply as [number, unknown[][]];
  const isConfigured = (row: readonly unknown[]): boolean => row[4] !== null;
  return rows
    .map((row) => ({ row, stats: toStats(row, now) }))
    .filter(
      ({ row, stats }) =>
        !all || isConfigured(row) || Object.values(stats.counts).some((count) => count > 0),
    )
    .map(({ stats }) => stats)
    .sort((a, b) => (a.queue < b.queue ? -1 : 1));
}
