/** A timer of a {@link Clock}. */
export interface ClockTimer {
  /** Lets the process end although the timer is set. */
  unref(): void;
  /** Stops it. */
  clear(): void;
}

/** Time as a process sees it: the system's, or a virtual one in tests. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls `fn` once, `ms` milliseconds from now. */
  setTimeout(fn: () => void, ms: number): ClockTimer;
}

/** `setTimeout` fires at once beyond this. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** The system's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (fn, ms) => {
    const timer = setTimeout(fn, Math.min(ms, MAX_TIMEOUT_MS));
    return { unref: () => void timer.unref(), clear: () => clearTimeout(timer) };
  },
};
