/** A timer that was set. `clear` and `unref` may be called at any time, also after it fired. */
export interface Timer {
  /** Lets the process end although the timer is pending. */
  unref(): void;
  clear(): void;
}

/** Where the cache takes the time from. Tests pass a virtual one. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Calls `fn` once, `ms` milliseconds from now. */
  setTimeout(fn: () => void, ms: number): Timer;
}

const { timeOrigin } = performance;

/**
 * The default clock. Monotonic, so that setting the machine's clock neither ends nor prolongs the life of an entry.
 */
export const systemClock: Clock = {
  now: () => timeOrigin + performance.now(),
  setTimeout: (fn, ms) => {
    const handle = setTimeout(fn, ms);
    return { unref: () => handle.unref(), clear: () => clearTimeout(handle) };
  },
};
