import type { Duration } from '../duration.js';
import { durationOption } from '../options.js';
import type { QueueStore } from '../store.js';
import type { VirtualClock } from './virtual-clock.js';

const SWEEP_LIMIT = 10_000;

/**
 * For tests: moves a virtual clock on as if workers had been there all the time, stopping wherever a schedule is due,
 * so that each run is fired at its time. At the end leases that ran out are dealt with.
 *
 * @throws QueueError `QUEUE_OPTION_INVALID`
 */
export async function advance(
  clock: VirtualClock,
  store: Pick<QueueStore, 'sweep' | 'schedules'>,
  by: Duration,
): Promise<void> {
  const ms = durationOption('by', by, 0);
  const until = clock.now() + ms;
  for (;;) {
    await store.sweep(SWEEP_LIMIT);
    const schedules = (await store.schedules?.({})) ?? [];
    const due = Math.min(...schedules.flatMap(({ nextRunAt }) => nextRunAt ?? []));
    if (due > until) break;
    await clock.advance(Math.max(1, due - clock.now()));
  }
  await clock.advance(until - clock.now());
  await store.sweep(SWEEP_LIMIT);
}
