import type { Clock } from '../clock.js';

/** A clock that stands still until it is told. */
export interface VirtualClock extends Clock {
  /**
   * Lets time pass: runs each timer that falls due at its time, and what it has set going, in order.
   * @param ms milliseconds
   */
  advance(ms: number): Promise<void>;
  /** Lets everything already set going get on, without any time passing. */
  settle(): Promise<void>;
}

/** A clock for tests, at `startMs` milliseconds since 1970. */
export function virtualClock(startMs: number = Date.UTC(2026, 0, 1)): VirtualClock {
  const timers = new Map<symbol, { at: number; fn: () => void }>();
  let now = startMs;
  // Turns of the event loop, not of the microtask queue: whatever has no timer of its own gets done in them.
  const settle = async () => {
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  const next = (until: number) =>
    [...timers].filter(([, { at }]) => at <= until).sort(([, a], [, b]) => a.at - b.at)[0];
  return {
    now: () => now,
    setTimeout(fn, ms) {
      const key = Symbol('timer');
      timers.set(key, { at: now + ms, fn });
      return { clear: () => timers.delete(key), unref() {} };
    },
    async advance(ms) {
      const until = now + ms;
      await settle();
      for (let due = next(until); due !== undefined; due = next(until)) {
        const [key, { at, fn }] = due;
        timers.delete(key);
        now = Math.max(now, at);
        fn();
        await settle();
      }
      now = until;
    },
    settle,
  };
}
