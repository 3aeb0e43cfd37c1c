import { runChild } from '../../lib/child.mjs';
import { interleave } from '../../lib/rounds.mjs';
import { atLeast, format, row } from '../../lib/table.mjs';
import { adapterOf, contenders } from '../contenders.mjs';
import { Ledger, within } from '../measure.mjs';
import { namedDatabase } from '../places.mjs';

const DRAIN = new URL('./drain.mjs', import.meta.url).href;
const ours = contenders.oursPostgresKeeping;

/** Sends many tasks through one database, enqueueing while a worker drains. */
export async function wearCase({ contender, url, tasks }) {
  const adapter = await adapterOf(contender);
  const producer = await adapter.producer(contender, url);
  const ledger = new Ledger(tasks);
  const handler = ({ i }) => ledger.ran(i);
  const worker = await adapter.worker(contender, { url, concurrency: 100, tasks, handler });
  await worker.start();
  await producer.bulk(tasks, 1000);
  await worker.drained;
  ledger.verify();
  await within(3_000, worker.close());
  await within(3_000, producer.close());
}

export const longRunWork = {
  name: 'long-run',
  title: 'PostgreSQL: throughput after 1,000,000 tasks through one table',
  async run(context) {
    const before = context.size(1_000_000, 20_000);
    const tasks = context.size(20_000, 4_000);
    const worn = await namedDatabase(context.services, ours, 'bench_worn');
    await runChild(
      import.meta.url,
      'wearCase',
      { contender: ours, url: worn, tasks: before },
      { deadlineMs: 400_000 },
    );
    context.progress(`${before} tasks are through`);
    const [after, fresh] = await interleave(context, ['worn', 'fresh'], async (which) => {
      const url =
        which === 'worn' ? worn : await namedDatabase(context.services, ours, 'bench_fresh');
      const params = { contender: ours, url, concurrency: 10, tasks };
      return (await runChild(DRAIN, 'drainCase', params)).perSecond;
    });
    return {
      rows: [
        row({
          work: `PostgreSQL: drain after ${format(before)} tasks through one table, completed tasks kept, concurrency 10`,
          unit: 'tasks/s',
          ours: after,
          rival: fresh,
          rivalName: 'Holdfast, fresh table',
          target: atLeast(0.8),
        }),
      ],
    };
  },
};
