import { createCache } from '@holdfast/cache';
import { runChild } from '../../lib/child.mjs';
import { interleave } from '../../lib/rounds.mjs';
import { atLeast, row } from '../../lib/table.mjs';
import { adapterOf, contenders } from '../contenders.mjs';
import { customer, keysOf, random } from '../measure.mjs';

const KEYS = 100_000;
const ENTRIES = 10_000;

/** Keys by Zipf's law: the one of rank r as often as 1/r. */
function zipf(length, seed) {
  const keys = keysOf(KEYS);
  const upTo = new Float64Array(KEYS);
  let sum = 0;
  for (let i = 0; i < KEYS; i++) {
    sum += 1 / (i + 1);
    upTo[i] = sum;
  }
  const next = random(seed);
  return Array.from({ length }, () => {
    const at = next() * sum;
    let low = 0;
    let high = KEYS - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (upTo[middle] < at) low = middle + 1;
      else high = middle;
    }
    return keys[low];
  });
}

/** The share of hits, and millions of operations a second of processor time. */
export async function zipfCase({ contender, operations }) {
  const adapter = await adapterOf(contender);
  const cache = await adapter.l1(contender, { maxEntries: ENTRIES });
  const order = zipf(operations, 7);
  const value = customer(1);
  // Compiled before it is measured, on another cache.
  const other = await adapter.l1(contender, { maxEntries: ENTRIES });
  other.readThrough(zipf(500_000, 3), value);
  await other.close();
  const start = process.cpuUsage();
  const hits = cache.readThrough(order, value);
  const { user, system } = process.cpuUsage(start);
  return { percent: (100 * hits) / operations, speed: operations / (user + system) };
}

/** Whether our cache has the policy. */
function offers(policy) {
  try {
    void createCache({ namespace: 'probe', l1: { policy } }).close();
    return true;
  } catch {
    return false;
  }
}

export const zipfWork = {
  name: 'zipf',
  title: 'L1: Zipf 1.0, 100,000 keys, 10,000 entries',
  async run(context) {
    const operations = context.size(3_000_000, 1_000_000);
    const { ours, oursScanResistant, lruCache } = contenders;
    const scanResistant = offers(oursScanResistant.l1.policy) ? [oursScanResistant] : [];
    const list = [lruCache, ours, ...scanResistant];
    const [rival, ...all] = await interleave(context, list, (contender) =>
      runChild(import.meta.url, 'zipfCase', { contender, operations }),
    );
    const percent = (samples) => samples.map((sample) => sample.percent);
    const speed = (samples) => samples.map((sample) => sample.speed);
    const rivalName = lruCache.label;
    const rows = all.flatMap((samples, i) => {
      const { label } = list[i + 1];
      const isLast = scanResistant.length > 0 && i === 1;
      return [
        row({
          work: `Zipf 1.0, read through: hits, ${label}`,
          unit: '%',
          ours: percent(samples),
          rival: percent(rival),
          rivalName,
          ...(isLast && { target: { text: '≥ 78 %', isMet: (ratio) => ratio >= 78 / 73.65 } }),
        }),
        row({
          work: `Zipf 1.0, read through: speed, ${label}`,
          unit: 'M/s',
          ours: speed(samples),
          rival: speed(rival),
          rivalName,
          ...(isLast && { target: atLeast(1.3) }),
        }),
      ];
    });
    return { rows };
  },
};
