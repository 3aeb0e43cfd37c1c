import { testDatabases } from '@holdfast/sql/testing';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import * as api from '../../src/index.js';
import { postgresStore } from '../../src/stores/postgres.js';
import { redisStore } from '../../src/stores/redis.js';
import { drain, virtualClock } from '../../src/testing.js';
import { everything, loose } from './table.js';
import { circular, refusal } from './values.js';

const task = api.defineTask('t');
const trap = {
  get inner(): never {
    throw new Error('the trap');
  },
};
const HOSTILE: readonly (readonly [string, unknown])[] = [
  ['a BigInt', { n: [10n] }],
  ['a circle', circular()],
  ['a symbol', Symbol('s')],
  ['a function', () => 1],
  ['a getter that throws', trap],
  ['a toJSON that throws', { toJSON: () => trap.inner }],
  ['a toJSON that gives nothing', { toJSON: () => undefined }],
  ['a proxy that throws', new Proxy({}, { ownKeys: () => trap.inner })],
  ['a megabyte and more', 'x'.repeat(2 ** 20)],
  ['a megabyte of two-byte letters', 'ü'.repeat(2 ** 19)],
  ['nested a hundred thousand deep', nested(100_000)],
];

function nested(depth: number): unknown {
  let value: unknown = null;
  for (let level = 0; level < depth; level++) value = [value];
  return value;
}

describe('payloads that no store can hold', () => {
  let store: api.QueueStore;
  let queue: api.Queue;

  beforeEach(() => {
    store = api.memoryStore({ clock: virtualClock() });
    queue = api.createQueue('q', { store });
  });
  afterEach(() => queue.close());

  it.each(HOSTILE)(
    '%s is refused, alone or in a list, and nothing is enqueued',
    async (_, payload) => {
      const before = await everything(store);
      const good = { task, payload: 1 };
      const calls: (readonly [string, () => unknown])[] = [
        ['payload', () => queue.enqueue(task, payload)],
        ['items[1].payload', () => queue.enqueueMany([good, { task, payload }, good])],
        ['items[1].payload', () => queue.enqueueFlow([good, { task, payload }])],
        ['items[1].payload', () => queue.enqueueBatch([good], { task, payload })],
        ['payload', () => queue.schedule('s', task, payload, { every: '1m' })],
      ];
      for (const [path, call] of calls) {
        expect((await refusal(call, path)).code).toBe('QUEUE_PAYLOAD_INVALID');
      }
      expect(await everything(store)).toEqual(before);
    },
  );

  it('what does not fit its schema is refused by the path within it', async () => {
    const typed = api.defineTask('typed', {
      payload: z.strictObject({ to: z.array(z.object({ name: z.string() })) }),
    });
    const enqueue = (payload: unknown) => () => loose(queue.enqueue, queue)(typed, payload);
    await refusal(enqueue({ to: [{ name: 'a' }, { name: 5 }] }), 'payload.to[1].name');
    await refusal(enqueue(JSON.parse('{"to":[],"constructor":1}')), 'payload');
    await refusal(enqueue({ to: [{ name: Number.NaN }] }), 'payload.to[0].name');
    await refusal(enqueue(undefined), 'payload');
    expect((await store.stats(['q']))[0]?.counts.ready).toBe(0);
  });

  it('what a handler returns or reports is held to the same, and the worker goes on', async () => {
    const failed = api.defineTask('failed', { retry: { attempts: 1 } });
    for (const [index] of HOSTILE.entries()) await queue.enqueue(failed, index);
    await queue.enqueue(failed, -1);
    const handler = api.handle(failed, (payload) => (HOSTILE[Number(payload)] ?? [])[1]);
    expect(await drain(queue, [handler])).toMatchObject({ completed: 1, dead: HOSTILE.length });
    const dead = await store.find({ states: ['dead'] }, { order: 'oldest', limit: 100 });
    for (const { history } of dead) {
      expect(history.at(-1)).toMatchObject({ kind: 'invalid', code: 'QUEUE_RESULT_INVALID' });
    }
  });
});

/** Texts that mean something elsewhere: to JavaScript, SQL, Lua, Redis Cluster, arrays of Postgres or JSON. */
const TEXTS = [
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'null', 'undefined', 'NULL'],
  ...[
    "'; drop table holdfast.queue_task; --",
    '"',
    '\\',
    '\\u0000',
    '{a,b}',
    '{',
    '}',
    '[1]',
    '$1',
  ],
  ...['%s%n', '{tag}', '*', '?', ':', '\n', '\r\n', '\t', ' ', ' a ', '0', '-1', '1e400', '\u2028'],
  ...['😀', 'ü', '\u0301', '\ufeff', '\uffff', '\u202e', 'x'.repeat(200), '😀'.repeat(100)],
];
const PAYLOADS: readonly unknown[] = [
  ...['\0', '\ud800', '\udc00\ud800', '', null, [], {}, -0, 1e308, 2 ** 53],
  ...[{ '': 1, '\0': 2, '\ud800': 3 }, JSON.parse('{"__proto__":{"a":1},"constructor":2}')],
  ...[nested(500), 'x'.repeat(1_000_000)],
];

interface Opened {
  readonly store: api.QueueStore<never>;
  close(): Promise<unknown>;
}

const stores: { name: string; available: boolean; open: () => Promise<Opened> }[] = [
  {
    name: 'memory',
    available: true,
    open: async () => {
      const store = api.memoryStore();
      return { store, close: () => store.close() };
    },
  },
  ...testDatabases().map(({ name, available, open }) => ({
    name,
    available,
    open: async () => {
      const db = await open();
      const store = postgresStore(db);
      return { store: store as api.QueueStore<never>, close: () => db.close() };
    },
  })),
  {
    name: 'redis',
    available: process.env.TEST_REDIS_URL !== undefined,
    open: async () => {
      const client = new Redis(process.env.TEST_REDIS_URL ?? '');
      const prefix = `hostile-${crypto.randomUUID().slice(0, 8)}`;
      const store = redisStore(client, { prefix });
      const close = async (): Promise<void> => {
        await store.close();
        const keys = await client.keys(`${prefix}:*`);
        if (keys.length > 0) await client.unlink(keys);
        client.disconnect();
      };
      return { store, close };
    },
  },
];

describe.each(stores)(
  'texts that mean something elsewhere, on $name',
  ({ name, available, open }) => {
    // PGlite's reader drops a byte order mark that begins a text.
    const texts = TEXTS.filter((text) => name !== 'pglite' || text !== '\ufeff');
    const payloads = [...PAYLOADS, ...texts];
    it.skipIf(!available)('are texts like any other', { timeout: 60_000 }, async () => {
      const { store, close } = await open();
      try {
        await store.migrate();
        for (const [index, text] of texts.entries()) {
          // Texts that are one to a Redis hash tag or a JavaScript object must stay two queues.
          const queue = api.createQueue(text, { store });
          const named = api.defineTask(text);
          const options = {
            group: { key: text, weight: 2 },
            headers: Object.fromEntries([[text, text]]),
            idempotencyKey: text,
          };
          const added = await queue.enqueue(named, { index, text }, options);
          expect(added.outcome).toBe('added');
          expect(await queue.enqueue(named, 2, options)).toEqual({
            ...added,
            outcome: 'duplicate',
          });
          await queue.schedule(text, named, text, { every: '1h', headers: { [text]: text } });
        }
        for (const [index, text] of texts.entries()) await runs(store, index, text);
        const queues = (await store.stats()).map(({ queue }) => queue);
        expect(queues.sort()).toEqual([...texts].sort());
        const queue = api.createQueue('payloads', { store });
        await queue.enqueueMany(payloads.map((payload) => ({ task, payload })));
        const seen: unknown[] = [];
        await drain(queue, [api.handle(task, (payload) => void seen.push(payload))], {
          withinMs: 20_000,
        });
        expect(seen).toEqual(payloads.map((payload) => JSON.parse(JSON.stringify(payload))));
      } finally {
        await close();
      }
    });
  },
);

async function runs(store: api.QueueStore<never>, index: number, text: string): Promise<void> {
  const queue = api.createQueue(text, { store });
  const seen: unknown[] = [];
  const handler = api.handle(api.defineTask(text), (payload, { name, headers, ...context }) => {
    seen.push([payload, name, context.queue, headers[text]]);
    return { [text]: text };
  });
  await drain(queue, [handler]);
  expect(seen).toEqual([[{ index, text }, text, text, text]]);
  const admin = new api.QueueAdmin({ store });
  const { items } = await admin.list({ filter: { queue: text, name: text, group: text } });
  expect(items).toMatchObject([{ state: 'completed', idempotencyKey: text, group: text }]);
  expect(Object.entries(Object(items[0]?.result))).toEqual([[text, text]]);
  const { items: schedules } = await admin.schedules({ queue: text });
  expect(schedules).toMatchObject([{ id: text, task: text, payload: text }]);
}
