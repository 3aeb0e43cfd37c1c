import { runChild } from '../../lib/child.mjs';
import { interleave } from '../../lib/rounds.mjs';
import { median } from '../../lib/statistics.mjs';
import { atLeast, atMost, row } from '../../lib/table.mjs';
import { adapterOf, contenders } from '../contenders.mjs';
import { customer, keysOf, now, orderOf } from '../measure.mjs';

const ENTRIES = 5_000;

/**
 * Reads from Redis with no tier above, a number at a time: the median of slices, in milliseconds of the clock and of
 * this process for each read.
 */
export async function readCase({ contender, url, concurrency, reads, slices }) {
  const adapter = await adapterOf(contender);
  const cache = await adapter.l2(contender, { url });
  const keys = keysOf(ENTRIES);
  // Not all at once: whoever limits the time of an operation would give up.
  for (let i = 0; i < ENTRIES; i += 100) {
    const some = keys.slice(i, i + 100);
    await Promise.all(some.map((key, at) => cache.set(key, customer(i + at))));
  }
  const run = async (order) => {
    let next = 0;
    const reader = async () => {
      while (next < order.length) {
        const value = await cache.get(order[next++]);
        if (!value) throw new Error('a miss');
      }
    };
    await Promise.all(Array.from({ length: concurrency }, reader));
  };
  const clock = [];
  const cpu = [];
  for (let i = 0; i < slices + 2; i++) {
    const order = orderOf(keys, reads, i + 1);
    const start = now();
    const before = process.cpuUsage();
    await run(order);
    const { user, system } = process.cpuUsage(before);
    if (i < 2) continue;
    clock.push((now() - start) / reads);
    cpu.push((user + system) / 1_000 / reads);
  }
  await cache.close();
  return { clock: median(clock), cpu: median(cpu) };
}

async function samplesOf(context, list, params) {
  return interleave(context, list, async (contender) => {
    const { Redis } = await import('ioredis');
    const url = context.services.redis.stock;
    const client = new Redis(url);
    await client.flushall();
    client.disconnect();
    return runChild(import.meta.url, 'readCase', { contender, url, ...params });
  });
}

const rate = (samples) => samples.map(({ clock }) => 1 / clock);
const cpuRate = (samples) => samples.map(({ cpu }) => 1 / cpu);

async function manyWork(context) {
  const rivals = [
    { contender: contenders.pipelined, target: atLeast(2) },
    { contender: contenders.bentocache, target: atLeast(4) },
  ];
  const list = [contenders.ours, ...rivals.map(({ contender }) => contender)];
  const params = { concurrency: 100, reads: context.size(20_000, 5_000), slices: 9 };
  const [ours, ...theirs] = await samplesOf(context, list, params);
  const work = 'L2 hit, 100 at a time, decoded';
  const rows = rivals.flatMap(({ contender, target }, i) => [
    row({
      work,
      unit: 'thousand/s',
      ours: rate(ours),
      rival: rate(theirs[i]),
      rivalName: contender.label,
      target,
    }),
    row({
      work: `${work}, by processor time of the client`,
      unit: 'thousand/s',
      ours: cpuRate(ours),
      rival: cpuRate(theirs[i]),
      rivalName: contender.label,
    }),
  ]);
  return { rows };
}

async function oneWork(context) {
  const list = [contenders.ours, contenders.ioredis, contenders.bentocache];
  const params = { concurrency: 1, reads: context.size(3_000, 1_000), slices: 9 };
  const [ours, raw, bento] = await samplesOf(context, list, params);
  const micros = (samples, of) => samples.map((sample) => sample[of] * 1_000);
  const work = 'L2 hit, one at a time';
  return {
    rows: [
      ...[
        [raw, contenders.ioredis.label, atMost(1.15)],
        [bento, contenders.bentocache.label],
      ].map(([rival, rivalName, target]) =>
        row({
          work,
          unit: 'µs',
          ours: micros(ours, 'clock'),
          rival: micros(rival, 'clock'),
          rivalName,
          target,
        }),
      ),
      row({
        work: `${work}, processor time of the client`,
        unit: 'µs',
        ours: micros(ours, 'cpu'),
        rival: micros(raw, 'cpu'),
        rivalName: contenders.ioredis.label,
      }),
    ],
  };
}

export const l2Works = [
  { name: 'l2-concurrent', title: 'L2: 100 reads at a time', run: manyWork },
  { name: 'l2-one', title: 'L2: one read at a time', run: oneWork },
];
