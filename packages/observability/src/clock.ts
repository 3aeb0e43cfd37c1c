/** A timer of a {@link Clock}. */
export interface Timer {
  /** Cancels it. Idempotent. */
  clear(): void;
  /** Lets the process end while the timer waits. */
  unref(): void;
}

/** Where time comes from: the system's clock, or a virtual one in tests. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls `fn` once after `ms` milliseconds. */
  setTimeout(fn: () => void, ms: number): Timer;
}

/** The system's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout(fn, ms) {
    const timer = setTimeout(fn, ms);
    return {
      clear: () => clearTimeout(timer),
      unref: () => {
        timer.unref();
      },
    };
  },
};
