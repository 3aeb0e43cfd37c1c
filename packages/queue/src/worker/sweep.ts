import type { Clock } from '../clock.js';
import type { Logger } from '../logger.js';
import type { QueueStore, SweepReport } from '../store.js';
import type { AnyQueue } from './types.js';
import { within } from './within.js';

/** Of each kind at once: a store may do nothing else meanwhile. */
const SWEEP_LIMIT = 1_000;
/** A sweep that had its fill goes on at once, or records would come faster than they go; but not for ever. */
const MOST_ROUNDS = 100;
/** A sweep that takes longer is left to itself, and the next one has its turn. */
const STALL_MS = 30_000;

/** Sweeps until little is left to do, and gives word of the tasks that died in it. Never throws. */
export async function sweepOnce(
  store: Pick<QueueStore, 'sweep'>,
  queues: ReadonlyMap<string, AnyQueue>,
  logger: Logger,
  clock: Clock,
): Promise<void> {
  try {
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const report = await within(clock, STALL_MS, store.sweep(SWEEP_LIMIT));
      tell(report, queues, logger);
      if (Math.max(report.pruned, report.lapsed + report.died.length) < SWEEP_LIMIT) return;
    }
  } catch (err) {
    logger.warn({ module: 'queue', err }, 'sweep failed');
  }
}

function tell(report: SweepReport, queues: ReadonlyMap<string, AnyQueue>, logger: Logger): void {
  if (report.lapsed > 0) logger.warn({ module: 'queue', lapsed: report.lapsed }, 'leases ran out');
  for (const { id, queue, name } of report.died) {
    const fields = { module: 'queue', queue, task_id: id, name };
    logger.error(fields, 'the last attempt of a task never ended');
    const internals = queues.get(queue)?.internals;
    if (internals === undefined) continue;
    internals.counters.dead++;
    internals.hub.emit('task.dead', id, { name, attempt: 0, entry: null });
  }
}
