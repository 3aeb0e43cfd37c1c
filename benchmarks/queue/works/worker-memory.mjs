import { runChild } from '../../lib/child.mjs';
import { interleave } from '../../lib/rounds.mjs';
import { atMost, format, row } from '../../lib/table.mjs';
import { contenders, hasSubpath } from '../contenders.mjs';
import { emptyPlace } from '../places.mjs';

const DRAIN = new URL('./drain.mjs', import.meta.url).href;
const CONCURRENCY = 100;

export const memoryWork = {
  name: 'worker-memory',
  title: 'Memory of a worker process that drains 100,000 tasks',
  async run(context) {
    const { oursRedis, oursPostgres, bullmq } = contenders;
    const all = [...(hasSubpath('redis') ? [oursRedis] : []), oursPostgres, bullmq];
    const tasks = context.size(100_000, 4_000);
    const samples = await interleave(context, all, async (contender) => {
      const url = await emptyPlace(context.services, contender);
      const params = { contender, url, tasks, concurrency: CONCURRENCY };
      return (await runChild(DRAIN, 'drainCase', params)).peakMemory;
    });
    const of = (contender) => samples[all.indexOf(contender)];
    const rows = [oursRedis, oursPostgres]
      .filter((ours) => all.includes(ours))
      .map((ours) =>
        row({
          work: `${ours.store === 'redis' ? 'Redis' : 'PostgreSQL'}: peak memory of a worker that drains ${format(tasks)} tasks, concurrency ${CONCURRENCY}`,
          unit: 'MiB',
          ours: of(ours),
          rival: of(bullmq),
          rivalName: 'BullMQ on Redis',
          target: atMost(0.8),
        }),
      );
    return { rows };
  },
};
