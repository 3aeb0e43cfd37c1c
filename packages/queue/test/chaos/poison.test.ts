import { testDatabases } from '@holdfast/sql/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { findRedis, startRedis } from '../../../../test-services/redis.js';
import {
  createQueue,
  createWorker,
  defineTask,
  type HistoryKind,
  handle,
  handleBatch,
  handleInThread,
  memoryStore,
  type NewTask,
  type QueueStore,
} from '../../src/index.js';
import { postgresStore } from '../../src/stores/postgres.js';
import { redisStore } from '../../src/stores/redis.js';
import { Kit } from '../../src/testing.js';
import { until } from '../worker/support.js';

const good = defineTask('good');
const poison = defineTask('poison', { timeout: 300 });
const batched = defineTask('batched');
const threaded = defineTask('threaded', { timeout: 2_000 });
const module = new URL('../worker/job.mjs', import.meta.url);

const strange: Record<string, unknown> = {
  undefined,
  null: null,
  text: 'a\0b\ud800',
  number: Number.NaN,
  bigint: 10n,
  symbol: Symbol('s'),
  function: () => undefined,
  object: Object.create(null),
  proxy: new Proxy(
    {},
    {
      get: () => {
        throw new Error('hands off');
      },
    },
  ),
  frozen: Object.freeze(new Error('frozen')),
  long: new Error('x'.repeat(5_000_000)),
  nul: Object.assign(new Error('a\0b'), { name: 'N\0', code: 'E\0' }),
  cause: new Error('a', { cause: { toString: null } }),
};
const circle: Record<string, unknown> = {};
circle.self = circle;

/** What a handler of a poison does with it. */
async function swallow(payload: unknown): Promise<unknown> {
  const what = String(payload);
  if (what.startsWith('throw:')) throw strange[what.slice(6).split(' ')[0] ?? ''];
  if (what === 'never') return new Promise(() => undefined);
  if (what === 'circle') return circle;
  if (what === 'huge') return 'x'.repeat(3_000_000);
  if (what === 'thenable') {
    return Object.defineProperty({}, 'then', {
      get: () => {
        throw new Error('no then');
      },
    });
  }
  if (what === 'block') {
    const end = Date.now() + 1_200;
    while (Date.now() < end);
    throw new Error('blocked the event loop beyond its lease');
  }
  return 'harmless';
}

/** A poison, and what its history is to say of its one attempt. */
type Poison = readonly [NewTask, HistoryKind];

/** Every poison there is, but for those that take others with them. */
function poisons(kit: Kit<never>): Poison[] {
  const bare = (name: string, payload: string, kind: HistoryKind): Poison => [
    kit.task({ name, payload, maxAttempts: 1 }),
    kind,
  ];
  const one = (name: string, payload: unknown, kind: HistoryKind = 'error'): Poison =>
    bare(name, JSON.stringify(payload), kind);
  return [
    ...Object.keys(strange).map((key) => one('poison', `throw:${key}`)),
    one('poison', 'never', 'timeout'),
    one('poison', 'circle', 'invalid'),
    one('poison', 'huge', 'invalid'),
    one('poison', 'thenable'),
    ...['exit', 'uncaught', 'function'].map((what) => one('threaded', { do: what })),
    one('threaded', { do: 'block' }, 'timeout'),
    bare('poison', '{"not": json', 'invalid'),
    bare('poison', '', 'invalid'),
    bare('poison', `["${'é'.repeat(1_000_000)}`, 'invalid'),
    bare('batched', '[', 'invalid'),
    one('batched', 'bad'),
    one('poison', 'throw:text a\0b'),
    one('poison', `throw:nul ${'é'.repeat(1_000_000)}`),
  ];
}

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** Every store, by name: open and empty. */
const stores: Readonly<Record<string, (() => Promise<QueueStore<never>>) | undefined>> = {
  memory: async () => memoryStore(),
  redis: findRedis() === undefined ? undefined : openRedis,
  ...Object.fromEntries(
    testDatabases().map(({ available, name, open }) => [
      name,
      available
        ? async () => {
            const db = await open();
            ends.push(() => db.close());
            // Nothing here enqueues in a transaction.
            return postgresStore(db) as unknown as QueueStore<never>;
          }
        : undefined,
    ]),
  ),
};

async function openRedis(): Promise<QueueStore<never>> {
  const server = await startRedis();
  ends.push(() => server.stop());
  const store = redisStore({ url: server.url });
  ends.push(() => store.close());
  return store;
}

async function start(store: QueueStore<never>) {
  const queue = createQueue('q', { store, retry: { attempts: 1 } });
  const worker = createWorker(
    queue,
    [
      handle(good, () => 'good'),
      handle(poison, swallow),
      handleBatch(batched, (items) =>
        items.map(({ payload }) =>
          payload === 'bad'
            ? { status: 'rejected', reason: strange.proxy }
            : { status: 'fulfilled', value: null },
        ),
      ),
      handleInThread(threaded, module, { threads: 4, terminateAfter: 20 }),
    ],
    { concurrency: 4, lease: '1s', abortGrace: 100, sweepInterval: 100, pollInterval: 100 },
  );
  await worker.start();
  return { queue, worker };
}

/** Waits until so many tasks have ended. */
const ended = (
  store: QueueStore<never>,
  { completed, dead }: { completed: number; dead: number },
): Promise<void> =>
  until(async () => {
    const [stats] = await store.stats(['q']);
    return stats?.counts.completed === completed && stats.counts.dead === dead;
  });

describe.each(Object.entries(stores))('poison tasks on %s', (_, open) => {
  it.skipIf(open === undefined)(
    'of every kind go to the dead letters and stop nobody',
    async () => {
      if (open === undefined) return;
      const store = await open();
      await store.migrate();
      const { queue, worker } = await start(store);
      const kit = new Kit<never>({
        store,
        advance: async () => undefined,
        close: () => store.close(),
      });
      const bad = poisons(kit);
      const fine = Array.from({ length: 200 }, () => kit.task({ name: 'good', payload: '1' }));
      // A good one between any two bad ones, and many after them.
      const mixed = bad.flatMap(([task], at) => [task, fine[at] as NewTask]);
      await store.enqueue([...mixed, ...fine.slice(bad.length)]);
      await ended(store, { completed: fine.length, dead: bad.length });
      const dead = await store.find({ states: ['dead'] }, { order: 'oldest', limit: 500 });
      expect(dead.map(({ id, history: [entry] }) => [id, entry?.kind])).toEqual(
        bad.map(([{ id }, kind]) => [id, kind]),
      );
      for (const record of dead) {
        expect(record.attempts).toBe(1);
        expect(record.history.length).toBe(1);
        expect(record.history[0]?.message?.length ?? 0).toBeLessThanOrEqual(2_000);
      }
      expect(queue.stats().completed).toBe(fine.length);
      // What blocks the event loop beyond its lease may cost others an attempt, and no more.
      const block = kit.task({ name: 'poison', payload: '"block"', maxAttempts: 1 });
      const others = Array.from({ length: 20 }, () => kit.task({ name: 'good', payload: '1' }));
      await store.enqueue([block, ...others]);
      await ended(store, { completed: fine.length + others.length, dead: bad.length + 1 });
      expect(await kit.get(block.id)).toMatchObject({ state: 'dead', attempts: 1 });
      expect(await worker.health()).toMatchObject({ status: 'healthy' });
      expect(await worker.close({ deadline: 1_000 })).toMatchObject({ unsettled: 0 });
    },
    60_000,
  );

  it.skipIf(open === undefined)(
    'of two megabytes are refused at the door, or carried through unharmed',
    async () => {
      if (open === undefined) return;
      const store = await open();
      await store.migrate();
      const text = `😀\0${'é'.repeat(1_000_000)}`;
      const small = createQueue('q', { store });
      await expect(small.enqueue(good, text)).rejects.toMatchObject({
        code: 'QUEUE_PAYLOAD_INVALID',
      });
      const large = createQueue('q', { store, maxPayloadBytes: 8_000_000 });
      const echo = handle(good, (payload, { attempt }) => {
        if (attempt === 1) throw new Error(String(payload));
        return payload;
      });
      const worker = createWorker(large, [echo]);
      ends.push(() => worker.close({ deadline: 0 }));
      await worker.start();
      const { id } = await large.enqueue(good, text);
      await until(async () => (await store.stats(['q']))[0]?.counts.completed === 1);
      const [record] = await store.find({ ids: [id] }, { order: 'oldest', limit: 1 });
      expect(JSON.parse(record?.result ?? '')).toBe(text);
    },
    60_000,
  );
});
