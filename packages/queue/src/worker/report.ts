import type { Logger } from '../logger.js';
import type { QueueInternals } from '../queue.js';
import type { ClaimedTask, HistoryEntry, Settlement } from '../store.js';

/** A settlement on its way to the store. */
export interface PendingSettlement {
  readonly task: ClaimedTask;
  readonly settlement: Settlement;
  readonly durationMs: number;
  /** Sent before, with no answer: the store may know it already. */
  unsure: boolean;
  /** The handler completed it in a transaction of its own: `stale` is what the store says then. */
  readonly completedIn: boolean;
}

/** Counts, logs and announces what the store made of a settlement. */
export function reportSettled(
  pending: PendingSettlement,
  verdict: 'ok' | 'stale' | 'cancelled',
  internals: QueueInternals,
  logger: Logger,
  storeNow: number,
): void {
  const { task, unsure, completedIn, settlement } = pending;
  if (verdict === 'ok' || (completedIn && settlement.outcome === 'completed')) {
    reportAccepted(pending, internals, logger);
    reportFinished(pending, internals, storeNow);
    return;
  }
  const fields = { module: 'queue', queue: task.queue, task_id: task.id, epoch: task.epoch };
  if (verdict === 'cancelled') {
    logger.info(fields, 'a task ended because it was cancelled');
    return;
  }
  if (unsure) {
    logger.debug(fields, 'settled before the answer was lost, or taken over');
    return;
  }
  logger.warn(fields, 'the lease had been taken over: what this attempt did is not recorded');
  reportLost(task, internals);
}

function reportAccepted(
  pending: PendingSettlement,
  internals: QueueInternals,
  logger: Logger,
): void {
  const { task, settlement, durationMs } = pending;
  const { counters, hub } = internals;
  const { id, name, attempt } = task;
  switch (settlement.outcome) {
    case 'completed':
      counters.completed++;
      if (hub.hears('task.completed'))
        hub.emit('task.completed', id, { name, attempt, durationMs });
      break;
    case 'retry':
      counters.failed++;
      logger.warn(fieldsOf(task, settlement.entry), 'an attempt failed; the task will run again');
      hub.emit('task.failed', id, { name, attempt, entry: settlement.entry });
      break;
    case 'dead':
      counters.dead++;
      logger.error(fieldsOf(task, settlement.entry), 'a task failed for good');
      hub.emit('task.dead', id, { name, attempt, entry: settlement.entry });
      break;
    case 'released':
      counters.released++;
      hub.emit('task.released', id, { name });
      break;
  }
}

function reportFinished(
  { task, settlement: { outcome } }: PendingSettlement,
  { latency }: QueueInternals,
  storeNow: number,
): void {
  if (latency === undefined || outcome === 'retry' || outcome === 'released') return;
  latency.of(task.name).finished(storeNow - task.enqueuedAt, outcome);
}

function fieldsOf(task: ClaimedTask, entry: HistoryEntry): object {
  const { id, name, attempt, queue } = task;
  return { module: 'queue', queue, task_id: id, name, attempt, error: entry.message };
}

/** Counts and announces the start of an attempt. */
export function reportStarted(task: ClaimedTask, internals: QueueInternals): void {
  internals.counters.started++;
  if (!internals.hub.hears('task.started')) return;
  const { id, name, attempt, epoch } = task;
  internals.hub.emit('task.started', id, { name, attempt, epoch });
}

/** Counts and announces that another worker took a task over. */
export function reportLost(task: ClaimedTask, internals: QueueInternals): void {
  internals.counters.lost++;
  const { id, name, attempt, epoch } = task;
  internals.hub.emit('task.lost', id, { name, attempt, epoch });
}
