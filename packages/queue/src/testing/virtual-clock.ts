import type { Clock, ClockTimer } from '../clock.js';
import { dateMs, durationOption, invalidOption } from '../options.js';

/** A {@link Clock} that stands still until it is told to move. */
export interface VirtualClock extends Clock {
  /**
   * Moves on by `ms`, firing the timers due on the way, in order. Between them, and at the end, everything that
   * waits for a promise gets its turn.
   */
  advance(ms: number): Promise<void>;
}

/**
 * Makes a {@link VirtualClock}.
 * @throws QueueError `QUEUE_OPTION_INVALID`
 */
export function virtualClock(startMs: number = Date.UTC(2026, 0, 1)): VirtualClock {
  if (typeof startMs !== 'number' || Number.isNaN(dateMs(new Date(startMs)))) {
    throw invalidOption('startMs', 'milliseconds since 1970, up to 9999', startMs);
  }
  let now = startMs;
  let order = 0;
  const timers = new Set<{ at: number; order: number; fn: () => void }>();
  const next = (until: number): { at: number; order: number; fn: () => void } | undefined => {
    const due = [...timers].filter((timer) => timer.at <= until);
    return due.sort((a, b) => a.at - b.at || a.order - b.order)[0];
  };
  return {
    now: () => now,
    setTimeout(fn, ms): ClockTimer {
      const timer = { at: now + Math.max(0, ms), order: order++, fn };
      timers.add(timer);
      return { unref: () => undefined, clear: () => void timers.delete(timer) };
    },
    async advance(ms) {
      const until = now + durationOption('ms', ms, 0);
      await settled();
      for (let timer = next(until); timer !== undefined; timer = next(until)) {
        timers.delete(timer);
        now = Math.max(now, timer.at);
        timer.fn();
        await settled();
      }
      now = until;
      await settled();
    },
  };
}

/** Lets promises and their followers run. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}
