import type { QueueInfo, TaskFilterInput } from '../admin-data.js';
import { requireFeature } from '../features.js';
import type { QueueStats, QueueStore, TaskFilter } from '../store.js';
import { toLimitsInfo } from './limits.js';

const FILTERS = ['group', 'blockedBy', 'error', 'finishedFrom', 'finishedTo'] as const;

/**
 * A filter as a store takes it, without the properties that are absent.
 * @throws QueueError `QUEUE_UNSUPPORTED`: a part that the store ignored would match too much
 */
export function toFilter(
  store: Pick<QueueStore, 'name' | 'traits'>,
  input: TaskFilterInput,
): TaskFilter {
  for (const field of FILTERS) {
    if (input[field] !== undefined) requireFeature(store, 'filters', `The filter '${field}'`);
  }
  const { finishedFrom, finishedTo, ...rest } = input;
  const given = Object.entries(rest).filter(([, value]) => value !== undefined);
  return {
    ...Object.fromEntries(given),
    ...(finishedFrom === undefined ? {} : { finishedFrom: Date.parse(finishedFrom) }),
    ...(finishedTo === undefined ? {} : { finishedTo: Date.parse(finishedTo) }),
  };
}

/** A queue as plain data. */
export function toQueueInfo(stats: QueueStats): QueueInfo {
  const { queue, paused, pausedReason, pausedBy, counts, oldestReadyAt, now, limits } = stats;
  const oldestReadyAgeSeconds =
    oldestReadyAt === null ? null : Math.max(0, now - oldestReadyAt) / 1000;
  return {
    queue,
    paused,
    pausedReason,
    pausedBy,
    counts: { ...counts },
    oldestReadyAgeSeconds,
    blocked: stats.blocked ?? 0,
    ...(limits === undefined ? {} : { limits: toLimitsInfo(limits) }),
  };
}
