import { runChild, startChild } from '../../lib/child.mjs';
import { range } from '../../lib/table.mjs';
import { adapterOf, contenders, hasSubpath } from '../contenders.mjs';
import { now, pause, within } from '../measure.mjs';
import { emptyPlace } from '../places.mjs';

const PATIENCE_MS = 75_000;
/** A server each, as they empty it. */
const REDIS = { holdfast: 'stock', bullmq: 'logged' };

/** Kills a worker that holds tasks; a second one tells when it starts each of them. */
export async function recoveryCase({ contender, url, tasks }) {
  const producer = await (await adapterOf(contender)).producer(contender, url);
  const first = startChild(import.meta.url, 'holder', { contender, url, concurrency: tasks });
  await first.next();
  await producer.bulk(tasks, tasks);
  for (let i = 0; i < tasks; i++) await first.next();
  const second = startChild(import.meta.url, 'successor', { contender, url, concurrency: tasks });
  await second.next();
  await pause(1_000);
  first.kill('SIGKILL');
  const killed = now();
  const waits = [];
  for (let i = 0; i < tasks; i++) {
    const started = await within(PATIENCE_MS - (now() - killed), second.next());
    if (started === undefined) break;
    waits.push((started - killed) / 1_000);
  }
  second.send('stop');
  await second.result;
  await within(3_000, producer.close());
  return waits;
}

/** The worker that dies: its handlers never end. */
export async function holder({ contender, url, concurrency }, channel) {
  const adapter = await adapterOf(contender);
  const handler = () => {
    channel.send('started');
    return new Promise(() => undefined);
  };
  const worker = await adapter.worker(contender, { url, concurrency, handler });
  await worker.start();
  await pause(1_000);
  channel.send('ready');
  await new Promise(() => setInterval(() => undefined, 60_000));
}

/** The worker that lives. */
export async function successor({ contender, url, concurrency }, channel) {
  const adapter = await adapterOf(contender);
  const handler = () => channel.send(now());
  const worker = await adapter.worker(contender, { url, concurrency, handler });
  await worker.start();
  channel.send('ready');
  await channel.next();
  await within(1_000, worker.close());
}

export const recoveryWork = {
  name: 'recovery',
  title: 'A worker is killed: when its tasks run again, at the defaults',
  // It takes a minute whatever the machine does.
  available: (context) => context.size(true, false),
  async run(context) {
    const { oursRedis, oursPostgres, bullmq } = contenders;
    const all = [...(hasSubpath('redis') ? [oursRedis] : []), bullmq, oursPostgres];
    // At once: it is a matter of waiting.
    const reference = await Promise.all(
      all.map(async (contender) => {
        const url = await emptyPlace(context.services, contender, REDIS[contender.adapter]);
        const params = { contender, url, tasks: 5 };
        const waits = await runChild(import.meta.url, 'recoveryCase', params);
        const late = `not within ${PATIENCE_MS / 1_000} s`;
        return {
          what: `Worker killed with five tasks in hand, until they run again, ${contender.label} on ${contender.store === 'redis' ? 'Redis' : 'PostgreSQL'}`,
          value: waits.length < 5 ? late : `${range(waits)} s`,
        };
      }),
    );
    const known =
      'pg-boss finds it by the expiry of the job, 15 minutes; graphile-worker by its lock, 4 hours';
    reference.push({ what: 'The same by the documentation', value: known });
    return { reference };
  },
};
