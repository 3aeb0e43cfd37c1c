import { runChild } from '../../lib/child.mjs';
import { interleave } from '../../lib/rounds.mjs';
import { median } from '../../lib/statistics.mjs';
import { atMost, row } from '../../lib/table.mjs';
import { adapterOf, contenders } from '../contenders.mjs';
import { customer, keysOf, now } from '../measure.mjs';

/** As many invalidations are measured, each of a tag that every entry carries. */
const TAGS = Array.from({ length: 5 }, (_, i) => `tag${i}`);
const CALL = 1_000;
const WARM_UP = 20;

/** Milliseconds that invalidating a tag takes, and those of a bare round trip. */
export async function invalidateCase({ contender, url, entries }) {
  const { Redis } = await import('ioredis');
  const client = new Redis(url);
  await client.flushall();
  const cache = await (await adapterOf(contender)).tagged(contender, { url, maxEntries: entries });
  const keys = keysOf(entries);
  for (let i = 0; i < entries; i += CALL) {
    const some = keys.slice(i, i + CALL).map((key, at) => [key, customer(i + at)]);
    await cache.setMany(some, TAGS);
  }
  const timed = async (operation) => {
    const start = now();
    await operation();
    return now() - start;
  };
  const pings = [];
  for (let i = 0; i < WARM_UP * 2; i++) pings.push(await timed(() => client.ping()));
  for (let i = 0; i < WARM_UP; i++) await cache.invalidate(`nobody's ${i}`);
  if ((await cache.get(keys.at(-1))) === undefined)
    throw new Error('a miss before it was invalidated');
  const times = [];
  for (const tag of TAGS) times.push(await timed(() => cache.invalidate(tag)));
  if ((await cache.get(keys.at(-1))) !== undefined)
    throw new Error('a hit after it was invalidated');
  await cache.close();
  client.disconnect();
  return { ms: median(times), pingMs: median(pings.slice(WARM_UP)) };
}

export const tagsWork = {
  name: 'tag-invalidation',
  title: 'A tag that all entries carry is invalidated, in memory and in Redis',
  async run(context) {
    const many = context.size(1_000_000, 100_000);
    const few = 1_000;
    const url = context.services.redis.stock;
    const [large, small] = await interleave(context, [many, few], (entries) =>
      runChild(import.meta.url, 'invalidateCase', { contender: contenders.ours, url, entries }),
    );
    const ms = (samples) => samples.map((sample) => sample.ms);
    const work = `invalidate a tag of ${many.toLocaleString('en')} entries, L1 and Redis`;
    return {
      rows: [
        row({
          work,
          unit: 'ms',
          ours: ms(large),
          rival: ms(small),
          rivalName: `Holdfast, ${few.toLocaleString('en')} entries`,
          target: atMost(1.5),
        }),
        row({
          work: `${work}: beyond a round trip`,
          unit: 'ms',
          ours: large.map((sample) => Math.max(0.001, sample.ms - sample.pingMs)),
          rival: large.map(() => 1),
          rivalName: 'one millisecond',
          target: atMost(1),
        }),
      ],
    };
  },
};
