import type { Clock, ClockTimer } from '../clock.js';
import type { Attempt } from './attempt.js';

/** Attempts with one time limit, in the order of their deadlines. */
interface Line {
  readonly attempts: Set<Attempt>;
  timer: ClockTimer | undefined;
}

/**
 * Time limits. Attempts with the same limit reach it in the order they began, so one timer for each distinct limit is
 * enough, however many run.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #reached: (attempt: Attempt) => void;
  readonly #lines = new Map<number, Line>();

  constructor(clock: Clock, reached: (attempt: Attempt) => void) {
    this.#clock = clock;
    this.#reached = reached;
  }

  add(attempt: Attempt, limitMs: number): void {
    let line = this.#lines.get(limitMs);
    if (line === undefined) {
      line = { attempts: new Set(), timer: undefined };
      this.#lines.set(limitMs, line);
    }
    line.attempts.add(attempt);
    if (line.timer === undefined) this.#arm(line, limitMs, limitMs);
  }

  delete(attempt: Attempt, limitMs: number): void {
    this.#lines.get(limitMs)?.attempts.delete(attempt);
  }

  /** Clears every timer. */
  close(): void {
    for (const line of this.#lines.values()) line.timer?.clear();
    this.#lines.clear();
  }

  #arm(line: Line, limitMs: number, ms: number): void {
    line.timer = this.#clock.setTimeout(() => {
      line.timer = undefined;
      const now = this.#clock.now();
      for (const attempt of line.attempts) {
        const leftMs = attempt.startedAt + limitMs - now;
        if (leftMs > 0) {
          this.#arm(line, limitMs, leftMs);
          return;
        }
        line.attempts.delete(attempt);
        this.#reached(attempt);
      }
    }, ms);
  }
}
