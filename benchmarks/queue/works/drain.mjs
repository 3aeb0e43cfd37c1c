import { runChild, startChild } from '../../lib/child.mjs';
import { interleave } from '../../lib/rounds.mjs';
import { median } from '../../lib/statistics.mjs';
import { atLeast, format, row } from '../../lib/table.mjs';
import { adapterOf, contenders, hasSubpath } from '../contenders.mjs';
import { Ledger, now, pause, peakMemory, within } from '../measure.mjs';
import { emptyPlace } from '../places.mjs';

/** Enqueues the tasks, then lets a worker process drain them. */
export async function drainCase({ contender, url, concurrency, tasks }) {
  const adapter = await adapterOf(contender);
  const producer = await adapter.producer(contender, url);
  await producer.bulk(tasks, 1000);
  const worker = startChild(import.meta.url, 'drainWorker', { contender, url, concurrency, tasks });
  await worker.next(); // connected
  await pause(300);
  worker.send('go');
  const figures = await worker.result;
  const left = await producer.waiting();
  if (left > 0) throw new Error(`${left} tasks are left in the store`);
  await within(3_000, producer.close());
  return figures;
}

/** The worker process: from `start` until the store holds no unfinished task. */
export async function drainWorker({ contender, url, concurrency, tasks }, channel) {
  const ledger = new Ledger(tasks);
  const handler = ({ i }) => ledger.ran(i);
  const adapter = await adapterOf(contender);
  const worker = await adapter.worker(contender, { url, concurrency, tasks, handler });
  channel.send('ready');
  await channel.next();
  const cpu = process.cpuUsage();
  const start = now();
  await worker.start();
  const ms = (await worker.drained) - start;
  const { user, system } = process.cpuUsage(cpu);
  const figures = {
    perSecond: (tasks / ms) * 1_000,
    cpuMicros: (user + system) / tasks,
    peakMemory: peakMemory(),
  };
  ledger.verify();
  await within(3_000, worker.close());
  return figures;
}

/** Everything in one process, for the store that has no other. */
export async function memoryDrain({ contender, concurrency, tasks }) {
  const { openStore } = await import('../adapters/holdfast.mjs');
  const adapter = await adapterOf(contender);
  const opened = await openStore('memory');
  const ledger = new Ledger(tasks);
  const producer = await adapter.producer(contender, undefined, opened);
  await producer.bulk(tasks, 1000);
  const handler = ({ i }) => ledger.ran(i);
  const worker = await adapter.worker(contender, { opened, concurrency, tasks, handler });
  const start = now();
  await worker.start();
  const ms = (await worker.drained) - start;
  ledger.verify();
  return { perSecond: (tasks / ms) * 1_000 };
}

const { oursRedis, oursPostgres, oursPostgresKeeping, oursMemory } = contenders;

/** Compares the drains of some contenders, each with its number of tasks, at one concurrency. */
async function compare({ context, title, lanes, concurrency, pairs, redis }) {
  const list = lanes.map(({ contender }) => contender);
  const samples = await interleave(
    context,
    lanes,
    async ({ contender, tasks }) => {
      const url = await emptyPlace(context.services, contender, redis);
      return runChild(import.meta.url, 'drainCase', { contender, url, concurrency, tasks });
    },
    `concurrency ${concurrency}, `,
  );
  const rates = (contender) => samples[list.indexOf(contender)].map((figures) => figures.perSecond);
  const rows = pairs.map(({ ours, rival, target }) =>
    row({
      work: `${title}, concurrency ${concurrency}`,
      unit: 'tasks/s',
      ours: rates(ours),
      rival: rates(rival),
      rivalName: rival.label,
      target: atLeast(target),
    }),
  );
  const cost = (place) => format(median(samples[place].map((figures) => figures.cpuMicros)));
  const costs = list.map(({ label }, place) => `${label} ${cost(place)} µs`);
  const reference = [
    {
      what: `${title}, concurrency ${concurrency}: processor time of the worker process per task`,
      value: costs.join('; '),
    },
  ];
  return { rows, reference };
}

async function eachConcurrency(levels, compareAt) {
  const rows = [];
  const reference = [];
  for (const level of levels) {
    const result = await compareAt(level);
    rows.push(...result.rows);
    reference.push(...result.reference);
  }
  return { rows, reference };
}

const LEVELS = [1, 10, 100];
const ONE_LEVEL = [10];

const redisDrain = (name, title, redis, levels) => ({
  name,
  title: `${title}: a worker drains 20,000 tasks`,
  available: () => hasSubpath('redis'),
  run: (context) =>
    eachConcurrency(context.size(levels, ONE_LEVEL), (concurrency) => {
      const tasks = context.size(20_000, 4_000);
      return compare({
        context,
        title: `${title}: drain`,
        redis,
        concurrency,
        lanes: [oursRedis, contenders.bullmq].map((contender) => ({ contender, tasks })),
        pairs: [{ ours: oursRedis, rival: contenders.bullmq, target: 5 }],
      });
    }),
});

export const drainWorks = [
  redisDrain('redis-drain', 'Redis', 'stock', LEVELS),
  redisDrain('redis-logged-drain', 'Redis with append-only file', 'logged', ONE_LEVEL),
  {
    name: 'postgres-drain',
    title: 'PostgreSQL: a worker drains 20,000 tasks, rivals at their best',
    run: (context) =>
      eachConcurrency(context.size(LEVELS, ONE_LEVEL), (concurrency) => {
        const tasks = context.size(20_000, 4_000);
        const { graphileBatched, pgBossBatched } = contenders;
        const all = [oursPostgres, oursPostgresKeeping, graphileBatched, pgBossBatched];
        return compare({
          context,
          title: 'PostgreSQL: drain',
          concurrency,
          lanes: all.map((contender) => ({ contender, tasks })),
          pairs: [
            { ours: oursPostgres, rival: graphileBatched, target: 2 },
            { ours: oursPostgresKeeping, rival: pgBossBatched, target: 2 },
          ],
        });
      }),
  },
  {
    name: 'postgres-defaults',
    title: 'PostgreSQL: a worker drains tasks, everybody at their defaults',
    run: (context) =>
      eachConcurrency(context.size(LEVELS, ONE_LEVEL), (concurrency) => {
        const { graphile, pgBossLoops, pgBoss } = contenders;
        return compare({
          context,
          title: 'PostgreSQL: drain at the defaults',
          concurrency,
          lanes: [
            { contender: oursPostgresKeeping, tasks: context.size(20_000, 4_000) },
            // Fewer tasks for those that would take minutes.
            { contender: graphile, tasks: context.size(3_000, 500) },
            { contender: pgBossLoops, tasks: context.size(1_500, 300) },
            { contender: pgBoss, tasks: 3 * concurrency },
          ],
          pairs: [graphile, pgBossLoops, pgBoss].map((rival) => ({
            ours: oursPostgresKeeping,
            rival,
            target: 10,
          })),
        });
      }),
  },
  {
    name: 'memory-drain',
    title: 'Memory: a worker drains tasks of its own process',
    async run(context) {
      const reference = [];
      for (const concurrency of context.size(LEVELS, ONE_LEVEL)) {
        const params = { contender: oursMemory, concurrency, tasks: context.size(200_000, 50_000) };
        const [samples] = await interleave(context, [params], () =>
          runChild(import.meta.url, 'memoryDrain', params),
        );
        const rate = median(samples.map((figures) => figures.perSecond));
        reference.push({
          what: `Memory: drain, concurrency ${concurrency}, no rival has such a store`,
          value: `${format(rate)} tasks/s`,
        });
      }
      return { reference };
    },
  },
];
