import { existsSync, readFileSync } from 'node:fs';

/** Monotonic milliseconds, the same in every process of the machine. */
export const now = () => Number(process.hrtime.bigint()) / 1e6;

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits for a promise, but not for ever: closing is not what is measured. */
export const within = (ms, promise) => Promise.race([promise, pause(ms)]);

/** Payloads 0, 1, 2 … in pieces. */
export async function inPieces(count, size, enqueue) {
  for (let first = 0; first < count; first += size) {
    const length = Math.min(size, count - first);
    await enqueue(Array.from({ length }, (_, index) => ({ i: first + index })));
  }
}

/** Largest memory this process ever held, in MiB. */
export function peakMemory() {
  if (existsSync('/proc/self/status')) {
    const kib = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    if (kib !== undefined) return Number(kib) / 1024;
  }
  return process.resourceUsage().maxRSS / 1024;
}

/** Counts how often each task ran, so that nobody is fast by leaving work out. */
export class Ledger {
  #runs;
  #total = 0;
  #resolve;
  /** Resolves when as many tasks ran as there are. */
  allRan = new Promise((resolve) => {
    this.#resolve = resolve;
  });

  constructor(tasks) {
    this.#runs = new Uint8Array(tasks);
  }

  ran(index) {
    this.#runs[index]++;
    if (++this.#total === this.#runs.length) this.#resolve();
  }

  /** Throws unless every task ran exactly once. */
  verify() {
    const missing = this.#runs.filter((runs) => runs === 0).length;
    const repeated = this.#runs.filter((runs) => runs > 1).length;
    if (missing === 0 && repeated === 0) return;
    const most = this.#runs.reduce((a, b) => Math.max(a, b), 0);
    throw new Error(
      `of ${this.#runs.length} tasks ${missing} did not run and ${repeated} ran more than once (up to ${most} times)`,
    );
  }
}
