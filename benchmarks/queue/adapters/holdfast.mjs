import { createQueue, createWorker, defineTask, handle, memoryStore } from '@holdfast/queue';
import { z } from 'zod';
import { inPieces, now } from '../measure.mjs';

// Checked at both ends, as an application would.
const schema = z.object({ i: z.number().optional(), at: z.number().optional() });
export const noop = defineTask('noop', { payload: schema });

const STORES = {
  memory: async () => ({ store: memoryStore(), release: async () => undefined }),
  async postgres(url) {
    const { openDatabase } = await import('@holdfast/sql');
    const { postgresStore } = await import('@holdfast/queue/postgres');
    const db = await openDatabase({ url });
    return { store: postgresStore(db), release: () => db.close() };
  },
  async redis(url) {
    const { Redis } = await import('ioredis');
    const { redisStore } = await import('@holdfast/queue/redis');
    const client = new Redis(url);
    return { store: redisStore(client), release: async () => client.disconnect() };
  },
};

/** Opens one of our stores. */
export async function openStore(kind, url) {
  const { store, release } = await STORES[kind](url);
  await store.migrate();
  return {
    store,
    async close() {
      await store.close();
      await release();
    },
  };
}

/** A queue at its defaults; completed tasks leave no trace unless the contender keeps them. */
export const queueOf = (store, { keep = false } = {}) =>
  createQueue('bench', { store, ...(keep ? {} : { retention: { completed: 0 } }) });

const LIVE = ['ready', 'scheduled', 'leased'];

/** Tasks that are not finished. */
async function unfinished(store) {
  const [stats] = await store.stats(['bench']);
  return LIVE.reduce((sum, state) => sum + (stats?.counts[state] ?? 0), 0);
}

export const adapter = {
  async prepare(contender, url) {
    const { close } = await openStore(contender.store, url);
    await close();
  },

  async producer(contender, url, opened) {
    const { store, close } = opened ?? (await openStore(contender.store, url));
    const queue = queueOf(store, contender);
    return {
      one: (payload) => queue.enqueue(noop, payload),
      bulk: (count, size) =>
        inPieces(count, size, (payloads) =>
          queue.enqueueMany(payloads.map((payload) => ({ task: noop, payload }))),
        ),
      waiting: () => unfinished(store),
      async close() {
        await queue.close();
        await close();
      },
    };
  },

  async worker(contender, { url, concurrency, handler, tasks, opened }) {
    const { store, close } = opened ?? (await openStore(contender.store, url));
    const queue = queueOf(store, contender);
    let completed = 0;
    const drained = new Promise((resolve) => {
      // Told after the store has recorded it.
      queue.on('task.completed', () => {
        if (++completed === tasks) resolve(now());
      });
    });
    const options = concurrency === undefined ? {} : { concurrency };
    const worker = createWorker(
      queue,
      [handle(noop, async (payload) => handler(payload))],
      options,
    );
    return {
      start: () => worker.start(),
      drained,
      async close() {
        await worker.close();
        await close();
      },
    };
  },
};
