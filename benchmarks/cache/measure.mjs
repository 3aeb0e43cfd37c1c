import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { median } from '../lib/statistics.mjs';

/** Longer than anything here takes. */
export const TTL_MS = 3_600_000;

/** Monotonic milliseconds. */
export const now = () => Number(process.hrtime.bigint()) / 1e6;

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A value as applications keep it: about 140 bytes of JSON. */
export const customer = (i) => ({
  id: i,
  name: `customer ${i}`,
  email: `customer${i}@example.org`,
  roles: ['reader', 'writer'],
  address: { city: 'Utrecht', street: 'Oudegracht', number: i % 200 },
});

export const keysOf = (count) => Array.from({ length: count }, (_, i) => `customer:${i}`);

/** Numbers from 0 to 1, the same in every run. */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A random order of some of the keys, with repeats. */
export function orderOf(keys, length, seed = 1) {
  const next = random(seed);
  return Array.from({ length }, () => keys[Math.floor(next() * keys.length)]);
}

/**
 * Nanoseconds of processor time that one step takes: the median of nine slices, after two that count as warm-up.
 * Processor time, because other processes of the machine do not add to it.
 *
 * @param run - does `size` steps
 */
export async function cpuPerStep(size, run) {
  const slices = [];
  for (let i = 0; i < 11; i++) {
    const start = process.cpuUsage();
    await run();
    const { user, system } = process.cpuUsage(start);
    if (i >= 2) slices.push(((user + system) * 1_000) / size);
  }
  return median(slices);
}

let collect;

/** Bytes that are alive, typed arrays included. */
export function liveBytes() {
  setFlagsFromString('--expose-gc');
  collect ??= runInNewContext('gc');
  for (let i = 0; i < 3; i++) collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
