import { PgBoss } from 'pg-boss';
import { inPieces, Ledger } from '../measure.mjs';
import { untilNone } from '../postgres.mjs';

const UNFINISHED = `select count(*)::int as count from pgboss.job where name = 'bench' and state < 'completed'`;

async function open(url, options = {}) {
  const boss = new PgBoss({ connectionString: url, max: 10, ...options });
  boss.on('error', (error) => console.error(error));
  await boss.start();
  return boss;
}

const VARIANTS = {
  /** Large batches, settled one by one in one statement; the handlers of a batch run `concurrency` at a time. */
  batched: (boss, concurrency, handle) =>
    boss.work(
      'bench',
      {
        batchSize: 1000,
        burstWhenBatchFull: true,
        pollingIntervalSeconds: 0.5,
        perJobResults: true,
      },
      async (jobs) => {
        let next = 0;
        const lane = async () => {
          while (next < jobs.length) await handle(jobs[next++].data);
        };
        await Promise.all(Array.from({ length: Math.min(concurrency, jobs.length) }, lane));
        return jobs.map(({ id }) => ({ id, status: 'completed' }));
      },
    ),
  /** One job a fetch, without the pauses of `work()`. */
  loops(boss, concurrency, handle) {
    const loop = async () => {
      for (;;) {
        const [job] = await boss.fetch('bench');
        if (!job) return;
        await handle(job.data);
        await boss.complete('bench', job.id);
      }
    };
    for (let lane = 0; lane < concurrency; lane++) void loop();
  },
  defaults: (boss, concurrency, handle) =>
    boss.work('bench', { localConcurrency: concurrency }, async ([job]) => handle(job.data)),
};

export const adapter = {
  async prepare(_contender, url) {
    const boss = await open(url, { useListenNotify: true });
    await boss.createQueue('bench', { notify: true, retryLimit: 2 });
    await boss.stop({ graceful: false });
  },

  async producer(_contender, url) {
    const boss = await open(url, { supervise: false, schedule: false });
    return {
      one: (payload) => boss.send('bench', payload),
      bulk: (count, size) =>
        inPieces(count, size, (payloads) =>
          boss.insert(
            'bench',
            payloads.map((data) => ({ data })),
          ),
        ),
      waiting: async () => (await boss.getDb().executeSql(UNFINISHED, [])).rows[0].count,
      close: () => boss.stop({ graceful: false }),
    };
  },

  async worker({ variant }, { url, concurrency, handler, tasks }) {
    const boss = await open(url, { useListenNotify: variant !== 'defaults' });
    const ledger = new Ledger(tasks ?? 0);
    const handle = async (payload) => {
      await handler(payload);
      ledger.ran(payload.i ?? 0);
    };
    return {
      start: () => VARIANTS[variant](boss, concurrency, handle),
      drained: ledger.allRan.then(() => untilNone(url, UNFINISHED)),
      close: () => boss.stop({ graceful: false }),
    };
  },
};
