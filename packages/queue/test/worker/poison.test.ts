import { describe, expect, it } from 'vitest';
import {
  createQueue,
  createWorker,
  defineTask,
  handle,
  handleBatch,
  handleInThread,
  memoryStore,
  type NewTask,
  type QueueStore,
} from '../../src/index.js';
import { Kit } from '../../src/testing.js';
import { until } from './support.js';

const good = defineTask('good');
const poison = defineTask('poison', { timeout: 300 });
const batched = defineTask('batched');
const threaded = defineTask('threaded', { timeout: 500 });
const module = new URL('./job.mjs', import.meta.url);

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
  cause: new Error('a', { cause: { toString: null } }),
};
const circle: Record<string, unknown> = {};
circle.self = circle;

/** What a handler of a poison does with it. */
async function swallow(payload: unknown): Promise<unknown> {
  const what = String(payload);
  if (what.startsWith('throw:')) throw strange[what.slice(6)];
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

/** Every poison there is, each with one attempt. */
function poisons(kit: Kit<never>): NewTask[] {
  const once = (name: string, payload: unknown): NewTask =>
    kit.task({ name, payload: JSON.stringify(payload), maxAttempts: 1 });
  return [
    ...Object.keys(strange).map((key) => once('poison', `throw:${key}`)),
    ...['never', 'circle', 'huge', 'thenable', 'block'].map((what) => once('poison', what)),
    ...['exit', 'uncaught', 'block', 'function'].map((what) => once('threaded', { do: what })),
    kit.task({ name: 'poison', payload: '{"not": json', maxAttempts: 1 }),
    kit.task({ name: 'poison', payload: '', maxAttempts: 1 }),
    kit.task({ name: 'batched', payload: '[', maxAttempts: 1 }),
  ];
}

async function start(store: QueueStore) {
  const queue = createQueue('q', { store, retry: { attempts: 1 } });
  const worker = createWorker(
    queue,
    [
      handle(good, () => 'good'),
      handle(poison, swallow),
      handleBatch(batched, () => undefined),
      handleInThread(threaded, module, { threads: 1, terminateAfter: 20 }),
    ],
    { concurrency: 4, lease: '1s', abortGrace: 100, sweepInterval: 100, pollInterval: 100 },
  );
  await worker.start();
  return { queue, worker };
}

describe('poison tasks', () => {
  it('of every kind go to the dead letters and stop nobody', async () => {
    const store = memoryStore();
    const { queue, worker } = await start(store);
    const kit = new Kit<never>({
      store,
      advance: async () => undefined,
      close: () => store.close(),
    });
    const bad = poisons(kit);
    const fine = Array.from({ length: 200 }, () => kit.task({ name: 'good', payload: '1' }));
    // A good one between any two bad ones, and many after them.
    const mixed = bad.flatMap((task, at) => [task, fine[at] as NewTask]);
    await store.enqueue([...mixed, ...fine.slice(bad.length)]);
    await until(async () => {
      const [stats] = await store.stats(['q']);
      return stats?.counts.completed === fine.length && stats.counts.dead === bad.length;
    });
    for (const record of await store.find({ states: ['dead'] }, { order: 'oldest', limit: 500 })) {
      expect(record.attempts).toBe(1);
      expect(record.history.length).toBe(1);
      expect(record.history[0]?.message?.length ?? 0).toBeLessThanOrEqual(2_000);
    }
    expect(await worker.health()).toMatchObject({ status: 'healthy' });
    expect(queue.stats().completed).toBe(fine.length);
    expect(await worker.close({ deadline: 1_000 })).toMatchObject({ unsettled: 0 });
  }, 60_000);

  it('of two megabytes are refused at the door, or carried through unharmed', async () => {
    const store = memoryStore();
    const text = `😀\0${'é'.repeat(1_000_000)}`;
    const small = createQueue('q', { store });
    await expect(small.enqueue(good, text)).rejects.toMatchObject({
      code: 'QUEUE_PAYLOAD_INVALID',
    });
    const large = createQueue('q', { store, maxPayloadBytes: 8_000_000 });
    const worker = createWorker(large, [handle(good, (payload) => payload)]);
    await worker.start();
    const { id } = await large.enqueue(good, text);
    await until(async () => (await store.stats(['q']))[0]?.counts.completed === 1);
    const [record] = await store.find({ ids: [id] }, { order: 'oldest', limit: 1 });
    expect(JSON.parse(record?.result ?? '')).toBe(text);
    await worker.close();
  });
});
