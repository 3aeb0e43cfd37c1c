import { runChild } from '../../lib/child.mjs';
import { interleave } from '../../lib/rounds.mjs';
import { atLeast, row } from '../../lib/table.mjs';
import { adapterOf, contenders, hasSubpath } from '../contenders.mjs';
import { now, within } from '../measure.mjs';
import { emptyPlace } from '../places.mjs';

async function rate(producer, count, enqueue) {
  const before = await producer.waiting();
  const start = now();
  await enqueue();
  const ms = now() - start;
  const added = (await producer.waiting()) - before;
  if (added !== count) throw new Error(`${added} of ${count} tasks are in the store`);
  await within(3_000, producer.close());
  return (count / ms) * 1_000;
}

/** Enqueues many tasks, `piece` of them a call. */
export async function bulkCase({ contender, url, count, piece }) {
  const producer = await (await adapterOf(contender)).producer(contender, url);
  await producer.bulk(500, 500);
  return rate(producer, count, () => producer.bulk(count, piece));
}

/** Enqueues tasks one by one, each awaited. */
export async function oneByOneCase({ contender, url, count }) {
  const producer = await (await adapterOf(contender)).producer(contender, url);
  for (let i = 0; i < 200; i++) await producer.one({ i });
  return rate(producer, count, async () => {
    for (let i = 0; i < count; i++) await producer.one({ i });
  });
}

const { oursRedis, oursPostgres, bullmq, bullmqPostgres, graphile, pgBoss } = contenders;

/** Rows of ours beside each rival. */
async function compare({ context, title, fn, params, ours, rivals, target, redis }) {
  const all = [ours, ...rivals];
  const samples = await interleave(context, all, async (contender) => {
    const url = await emptyPlace(context.services, contender, redis);
    return runChild(import.meta.url, fn, { contender, url, ...params });
  });
  return rivals.map((rival, index) =>
    row({
      work: title,
      unit: 'tasks/s',
      ours: samples[0],
      rival: samples[index + 1],
      rivalName: PRODUCERS.get(rival) ?? rival.label,
      target: atLeast(target),
    }),
  );
}

/** Producers have no settings of the kind that workers have. */
const PRODUCERS = new Map([
  [graphile, 'graphile-worker'],
  [pgBoss, 'pg-boss'],
]);

const bulk = ({ name, title, ours, rivals, target, redis, available }) => ({
  name,
  title: `${title}: 20,000 tasks enqueued in bulk`,
  available,
  async run(context) {
    const count = context.size(20_000, 4_000);
    const rows = [];
    for (const [how, piece] of [
      ['1,000 a call', 1_000],
      ['in one call', count],
    ]) {
      const params = { count, piece };
      const work = `${title}: enqueue in bulk, ${how}`;
      const settings = { context, title: work, fn: 'bulkCase', params };
      rows.push(...(await compare({ ...settings, ours, rivals, target, redis })));
    }
    return { rows };
  },
});

const oneByOne = ({ name, title, ours, rivals, target, redis, available, count }) => ({
  name,
  title: `${title}: tasks enqueued one by one, each awaited`,
  available,
  async run(context) {
    const params = { count: context.size(count, 500) };
    const work = `${title}: enqueue one by one`;
    const settings = { context, title: work, fn: 'oneByOneCase', params };
    return { rows: await compare({ ...settings, ours, rivals, target, redis }) };
  },
});

const onRedis = { ours: oursRedis, rivals: [bullmq], available: () => hasSubpath('redis') };
const stock = { ...onRedis, title: 'Redis', redis: 'stock' };
const logged = { ...onRedis, title: 'Redis with append-only file', redis: 'logged' };
const onPostgres = {
  title: 'PostgreSQL',
  ours: oursPostgres,
  rivals: [graphile, pgBoss, bullmqPostgres],
  target: 2,
};

export const enqueueWorks = [
  bulk({ ...stock, name: 'redis-bulk', target: 8 }),
  bulk({ ...logged, name: 'redis-logged-bulk', target: 8 }),
  oneByOne({ ...stock, name: 'redis-one-by-one', target: 1.6, count: 5_000 }),
  oneByOne({ ...logged, name: 'redis-logged-one-by-one', target: 1.6, count: 5_000 }),
  bulk({ ...onPostgres, name: 'postgres-bulk' }),
  oneByOne({ ...onPostgres, name: 'postgres-one-by-one', count: 1_500 }),
];
