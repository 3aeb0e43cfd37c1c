import type { GroupLimits, PriorityRange, QueuePage, QueueStats, TaskState } from '../../store.js';
import { queueNamesStatement, statsStatement } from './queries.js';
import type { Runner } from './runner.js';

interface Row extends Record<string, unknown> {
  queue: string;
  paused: boolean;
  reason: string | null;
  by: string | null;
  counts: Partial<Record<TaskState, number>>;
  blocked: number;
  oldest: number | null;
  now: number;
  concurrency: number | null;
  rate_max: number | null;
  rate_window: number | null;
  priority_min: number | null;
  priority_max: number | null;
  group_defaults: GroupLimits | null;
  groups: Record<string, GroupLimits> | null;
}

const NO_TASKS: Readonly<Record<TaskState, number>> = {
  ready: 0,
  scheduled: 0,
  leased: 0,
  completed: 0,
  dead: 0,
  cancelled: 0,
};

/** Counts and settings of the queues named, or of all. */
export async function readStats(
  runner: Runner,
  schema: string,
  queues: readonly string[] | undefined,
): Promise<QueueStats[]> {
  const { rows } = await runner.query<Row>(statsStatement(schema, queues));
  const found = rows.map(toStats);
  const known = new Set(found.map((stats) => stats.queue));
  const missing = [...new Set(queues)].filter((queue) => !known.has(queue));
  if (missing.length === 0) return inNameOrder(found);
  const now = found[0]?.now ?? (await runner.now(schema));
  for (const queue of missing) {
    const settings = { paused: false, pausedReason: null, pausedBy: null };
    found.push({ queue, ...settings, counts: { ...NO_TASKS }, oldestReadyAt: null, now });
  }
  return inNameOrder(found);
}

function inNameOrder(stats: QueueStats[]): QueueStats[] {
  return stats.sort((a, b) => (a.queue < b.queue ? -1 : 1));
}

/** Counts and settings of a page of queues. */
export async function readStatsPage(
  runner: Runner,
  schema: string,
  page: QueuePage,
): Promise<QueueStats[]> {
  const { rows } = await runner.query<{ queue: string }>(queueNamesStatement(schema, page));
  const names = rows.map(({ queue }) => queue);
  const found = await readStats(runner, schema, names);
  return found.sort((a, b) => names.indexOf(a.queue) - names.indexOf(b.queue));
}

function toStats(row: Row): QueueStats {
  const limits = limitsOf(row);
  return {
    queue: row.queue,
    paused: row.paused,
    pausedReason: row.reason,
    pausedBy: row.by,
    counts: { ...NO_TASKS, ...row.counts },
    oldestReadyAt: row.oldest,
    now: row.now,
    ...(row.blocked === 0 ? {} : { blocked: row.blocked }),
    ...(limits === undefined ? {} : { limits }),
  };
}

function limitsOf(row: Row): QueueStats['limits'] {
  const { concurrency, rate_max: max, rate_window: windowMs, group_defaults: groupDefaults } = row;
  const groups = row.groups ?? {};
  const rate = max === null || windowMs === null ? null : { max, windowMs };
  const priorities = rangeOf(row);
  const none = [concurrency, rate, priorities, groupDefaults].every((limit) => limit === null);
  if (none && Object.keys(groups).length === 0) return undefined;
  return {
    concurrency,
    rate,
    priorities,
    groupDefaults: groupDefaults === null ? null : inOrder(groupDefaults),
    groups: Object.fromEntries(Object.entries(groups).map(([key, own]) => [key, inOrder(own)])),
  };
}

/** Which priorities a queue takes; null for all. */
export function rangeOf(
  row: Readonly<Pick<Row, 'priority_min' | 'priority_max'>>,
): PriorityRange | null {
  const { priority_min: min, priority_max: max } = row;
  return min === null || max === null ? null : { min, max };
}

/** The database orders fields in its own way. */
function inOrder({ concurrency, rate, weight }: GroupLimits): GroupLimits {
  return {
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(rate === undefined ? {} : { rate: rate && { max: rate.max, windowMs: rate.windowMs } }),
    ...(weight === undefined ? {} : { weight }),
  };
}
