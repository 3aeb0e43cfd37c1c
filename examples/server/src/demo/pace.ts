import { performance } from 'node:perf_hooks';

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Options of {@link sendAtPace}. */
export interface PaceOptions {
  /** Items a second; 0 is as fast as it goes. */
  readonly rate: number;
  /** Most calls of `send` at a time. */
  readonly concurrency: number;
}

/**
 * Calls `send` for every item in order, at the rate as long as the concurrency allows it. Items of a burst go at once
 * and take no time of the schedule.
 */
export async function sendAtPace<T extends { readonly burst: boolean }>(
  items: readonly T[],
  { rate, concurrency }: PaceOptions,
  send: (item: T, index: number) => Promise<void>,
): Promise<void> {
  const start = performance.now();
  const inFlight = new Set<Promise<void>>();
  let scheduled = 0;
  for (const [index, item] of items.entries()) {
    if (rate > 0 && !item.burst) {
      const early = start + (scheduled++ / rate) * 1_000 - performance.now();
      if (early > 0) await wait(early);
    }
    while (inFlight.size >= concurrency) await Promise.race(inFlight);
    const sending = send(item, index).finally(() => inFlight.delete(sending));
    inFlight.add(sending);
  }
  await Promise.all(inFlight);
}
