import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runChild } from '../../lib/child.mjs';
import { interleave } from '../../lib/rounds.mjs';
import { median } from '../../lib/statistics.mjs';
import { row } from '../../lib/table.mjs';
import { disks } from '../adapters/disk.mjs';
import { keysOf, now, orderOf } from '../measure.mjs';

const WARM_UP = 100;

/** Writes entries one after the other, then reads them at random: medians in microseconds. */
export async function diskCase({ name, size, count }) {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
  const store = await disks[name](folder);
  const values = Array.from({ length: 16 }, () => randomBytes(size));
  const keys = keysOf(count + WARM_UP);
  const timed = async (order, operation) => {
    const times = [];
    for (const [at, key] of order.entries()) {
      const start = now();
      await operation(key, at);
      if (at >= WARM_UP) times.push((now() - start) * 1_000);
    }
    return median(times);
  };
  try {
    const set = await timed(keys, (key, at) => store.set(key, values[at % 16]));
    const get = await timed(orderOf(keys, count + WARM_UP), async (key) => {
      if ((await store.get(key))?.length !== size) throw new Error('a miss');
    });
    return { set, get };
  } finally {
    await store.close();
    await rm(folder, { recursive: true, force: true });
  }
}

const RIVALS = ['lmdb', 'better-sqlite3', 'cacache'];
const SIZES = [
  { label: '1 KB', size: 1_024, count: 3_000, quick: 500 },
  { label: '100 KB', size: 102_400, count: 500, quick: 100 },
];

async function run(context) {
  const rows = [];
  for (const { label, size, count, quick } of SIZES) {
    const params = { size, count: context.size(count, quick) };
    const names = ['holdfast', ...RIVALS];
    const measure = (name) => runChild(import.meta.url, 'diskCase', { name, ...params });
    const [ours, ...theirs] = await interleave(context, names, measure, `${label}: `);
    for (const operation of ['set', 'get']) {
      RIVALS.forEach((rivalName, i) => {
        rows.push(
          row({
            work: `disk: ${operation} of ${label}, one at a time`,
            unit: 'µs',
            ours: ours.map((sample) => sample[operation]),
            rival: theirs[i].map((sample) => sample[operation]),
            rivalName,
          }),
        );
      });
    }
  }
  return { rows };
}

export const diskWork = { name: 'disk', title: 'Disk: 1 KB and 100 KB', run };
