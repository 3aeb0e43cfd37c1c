import { createPostgresBackend, Queue, runMigrations, Worker } from 'bullmq';
import pg from 'pg';
import { inPieces, now } from '../measure.mjs';

const OPTIONS = { removeOnComplete: true };

/** Connection and, for PostgreSQL, the backend's factory. */
function place({ store }, url) {
  if (store === 'postgres') {
    return { connection: { connectionString: url, max: 20 }, backend: [createPostgresBackend] };
  }
  const { hostname, port } = new URL(url);
  return { connection: { host: hostname, port: Number(port) }, backend: [] };
}

export const adapter = {
  async prepare(contender, url) {
    if (contender.store !== 'postgres') return;
    const pool = new pg.Pool({ connectionString: url });
    const client = await pool.connect();
    await runMigrations(client);
    client.release();
    await pool.end();
  },

  async producer(contender, url) {
    const { connection, backend } = place(contender, url);
    const queue = new Queue('bench', { connection }, ...backend);
    await queue.waitUntilReady();
    return {
      one: (payload) => queue.add('noop', payload, OPTIONS),
      bulk: (count, size) =>
        inPieces(count, size, (payloads) =>
          queue.addBulk(payloads.map((data) => ({ name: 'noop', data, opts: OPTIONS }))),
        ),
      async waiting() {
        const counts = await queue.getJobCounts('waiting', 'active', 'delayed', 'prioritized');
        return Object.values(counts).reduce((sum, count) => sum + count, 0);
      },
      close: () => queue.close(),
    };
  },

  async worker(contender, { url, concurrency, handler, tasks }) {
    const { connection, backend } = place(contender, url);
    const options = { connection, concurrency, autorun: false };
    const worker = new Worker('bench', async (job) => handler(job.data), options, ...backend);
    let completed = 0;
    const drained = new Promise((resolve) => {
      // Told after the store has recorded it.
      worker.on('completed', () => {
        if (++completed === tasks) resolve(now());
      });
    });
    worker.on('error', (error) => console.error(error));
    await worker.waitUntilReady();
    return {
      start: () => void worker.run(),
      drained,
      close: () => worker.close(),
    };
  },
};
