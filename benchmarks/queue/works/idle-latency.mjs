import { runChild, startChild } from '../../lib/child.mjs';
import { interleave } from '../../lib/rounds.mjs';
import { percentile } from '../../lib/statistics.mjs';
import { atMost, row } from '../../lib/table.mjs';
import { adapterOf, contenders, hasSubpath } from '../contenders.mjs';
import { now, pause, within } from '../measure.mjs';
import { emptyPlace } from '../places.mjs';

const WARM_UP = 20;

/** Enqueues into an idle queue, again and again; another process says how long each task took to start. */
export async function latencyCase({ contender, url, samples }) {
  const worker = startChild(import.meta.url, 'latencyWorker', { contender, url });
  await worker.next();
  const producer = await (await adapterOf(contender)).producer(contender, url);
  const waits = [];
  for (let i = 0; i < samples + WARM_UP; i++) {
    const wait = worker.next();
    await producer.one({ at: now() });
    const ms = await wait;
    if (i >= WARM_UP) waits.push(ms);
    await pause(10 + Math.random() * 10);
  }
  worker.send('stop');
  await worker.result;
  await within(3_000, producer.close());
  return { p50: percentile(waits, 50), p99: percentile(waits, 99) };
}

/** The worker process. */
export async function latencyWorker({ contender, url }, channel) {
  const handler = ({ at }) => channel.send(now() - at);
  const adapter = await adapterOf(contender);
  const worker = await adapter.worker(contender, { url, concurrency: 10, handler });
  await worker.start();
  await pause(1_000);
  channel.send('ready');
  await channel.next();
  await within(2_000, worker.close());
}

async function compare(context, title, ours, rival, target) {
  const samples = context.size(120, 40);
  const [mine, theirs] = await interleave(context, [ours, rival], async (contender) => {
    const url = await emptyPlace(context.services, contender);
    return runChild(import.meta.url, 'latencyCase', { contender, url, samples });
  });
  return ['p50', 'p99'].map((point) =>
    row({
      work: `${title}: idle queue, enqueue to start of the handler in another process, ${point}`,
      unit: 'ms',
      ours: mine.map((figures) => figures[point]),
      rival: theirs.map((figures) => figures[point]),
      rivalName: rival.label,
      target: atMost(target),
    }),
  );
}

export const latencyWorks = [
  {
    name: 'redis-latency',
    title: 'Redis: how soon a task starts on an idle queue',
    available: () => hasSubpath('redis'),
    run: async (context) => ({
      rows: await compare(context, 'Redis', contenders.oursRedis, contenders.bullmq, 0.65),
    }),
  },
  {
    name: 'postgres-latency',
    title: 'PostgreSQL: how soon a task starts on an idle queue',
    run: async (context) => ({
      rows: await compare(
        context,
        'PostgreSQL',
        contenders.oursPostgres,
        contenders.graphile,
        0.75,
      ),
    }),
  },
];
