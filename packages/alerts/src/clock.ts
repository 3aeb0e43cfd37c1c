/** A timer that can be stopped. */
export interface Timer {
  /** Stops it. */
  clear(): void;
  /** Lets the process end while it runs. */
  unref(): void;
}

/** Time as this package sees it; a virtual one makes tests exact. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  setTimeout(fn: () => void, ms: number): Timer;
}

/** The system's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout(fn, ms) {
    const handle = setTimeout(fn, ms);
    return { clear: () => clearTimeout(handle), unref: () => void handle.unref() };
  },
};
