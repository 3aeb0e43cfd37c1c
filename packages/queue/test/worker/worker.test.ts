import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  createQueue,
  createWorker,
  defineTask,
  handle,
  memoryStore,
  type QueueStore,
  RetryAt,
  type RetryPolicy,
  type TaskContext,
  type TaskHandler,
  UnrecoverableError,
  type Worker,
  type WorkerOptions,
} from '../../src/index.js';
import { Kit, virtualClock } from '../../src/testing.js';

const task = defineTask('t');

/** A queue and a worker under one virtual clock. */
async function setUp(
  handler: (payload: unknown, context: TaskContext) => unknown,
  options: WorkerOptions & { retry?: RetryPolicy; wrap?: (store: QueueStore) => QueueStore } = {},
) {
  const { retry, wrap, ...rest } = options;
  const clock = virtualClock();
  const memory = memoryStore({ clock });
  const store = wrap?.(memory) ?? memory;
  const queue = createQueue('q', { store, ...(retry === undefined ? {} : { retry }) });
  const kit = new Kit({
    store: memory,
    advance: (ms) => clock.advance(ms),
    close: () => memory.close(),
  });
  const worker = createWorker(queue, [handle(task, handler)], { clock, ...rest });
  const state = async (id: string) => (await kit.get(id))?.state;
  await worker.start();
  return { clock, kit, queue, store, worker, state };
}

/** Closes a worker whose clock must be moved for it. */
async function closed(
  worker: Worker,
  clock: { advance(ms: number): Promise<void> },
  deadline = 1_000,
) {
  const report = worker.close({ deadline });
  for (let i = 0; i < 20; i++) await clock.advance(500);
  return report;
}

const forever = (): Promise<never> => new Promise(() => undefined);
const untilAborted = ({ signal }: TaskContext): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

describe('a worker', () => {
  it('runs tasks, keeps results, and never runs more at once than it may', async () => {
    let [running, most] = [0, 0];
    const { clock, kit, queue, worker } = await setUp(
      async (n) => {
        most = Math.max(most, ++running);
        await Promise.resolve();
        running--;
        return Number(n) * 2;
      },
      { concurrency: 3 },
    );
    const items = Array.from({ length: 20 }, (_, payload) => ({ task, payload }));
    const outcomes = await queue.enqueueMany(items);
    await clock.advance(0);
    for (const [index, { id }] of outcomes.entries()) {
      expect(await kit.get(id)).toMatchObject({ state: 'completed', result: String(index * 2) });
    }
    expect(most).toBe(3);
    expect(queue.stats()).toMatchObject({ added: 20, started: 20, completed: 20 });
    expect(await closed(worker, clock)).toMatchObject({
      drained: true,
      abandoned: 0,
      unsettled: 0,
    });
  });

  it('settles and claims in one exchange once there is a backlog', async () => {
    let exchanges = 0;
    const { clock, queue, worker } = await setUp(() => undefined, {
      concurrency: 10,
      wrap: (store) =>
        Object.assign(Object.create(store) as QueueStore, {
          enqueue: store.enqueue.bind(store),
          stats: store.stats.bind(store),
          find: store.find.bind(store),
          migrate: store.migrate.bind(store),
          onWake: store.onWake.bind(store),
          sweep: store.sweep.bind(store),
          exchange: (request: Parameters<QueueStore['exchange']>[0]) => {
            exchanges++;
            return store.exchange(request);
          },
        }),
    });
    await queue.enqueueMany(Array.from({ length: 1_000 }, (_, payload) => ({ task, payload })));
    for (let i = 0; i < 50; i++) await clock.advance(0);
    expect(queue.stats().completed).toBe(1_000);
    expect(exchanges).toBeLessThan(150);
    await closed(worker, clock);
  });

  it('starts delayed tasks when they are due', async () => {
    const started: unknown[] = [];
    const { clock, queue, worker } = await setUp((n) => void started.push(n));
    await queue.enqueue(task, 1, { delay: '90s' });
    await queue.enqueue(task, 2, { runAt: new Date(clock.now() + 30_000) });
    await clock.advance(29_999);
    expect(started).toEqual([]);
    await clock.advance(1);
    expect(started).toEqual([2]);
    await clock.advance(60_000);
    expect(started).toEqual([2, 1]);
    await closed(worker, clock);
  });

  it('finds a task within the poll interval when no wake-up comes', async () => {
    const { clock, queue, worker } = await setUp(() => undefined, {
      pollInterval: '1s',
      wrap: (store) => {
        store.onWake = async () => ({ [Symbol.asyncDispose]: async () => undefined });
        return store;
      },
    });
    await queue.enqueue(task, 1);
    await clock.advance(1_000);
    expect(queue.stats().completed).toBe(1);
    await closed(worker, clock);
  });

  it('gives the handler what the schema made of the payload, and checks its result', async () => {
    const clock = virtualClock();
    const store = memoryStore({ clock });
    const queue = createQueue('q', { store, retry: { attempts: 1 } });
    const dated = defineTask('dated', {
      payload: z.object({
        at: z.iso.datetime().transform((text) => new Date(text)),
        n: z.number().default(7),
      }),
      result: z.object({ year: z.number() }),
    });
    const wrong = defineTask('wrong', { result: z.object({ year: z.number() }) });
    const handlers: TaskHandler[] = [
      handle(dated, ({ at, n }) => ({ year: at.getUTCFullYear() + n })),
      handle(wrong, () => ({ year: 'x' as never })),
    ];
    const worker = createWorker(queue, handlers, { clock });
    await worker.start();
    const good = await queue.enqueue(dated, { at: '2026-05-01T00:00:00Z' });
    const bad = await queue.enqueue(wrong, {});
    await clock.advance(0);
    const [first, second] = await store.find(
      { ids: [good.id, bad.id] },
      { order: 'oldest', limit: 2 },
    );
    expect(first).toMatchObject({ state: 'completed', result: '{"year":2033}' });
    expect(second).toMatchObject({
      state: 'dead',
      history: [{ kind: 'invalid', code: 'QUEUE_RESULT_INVALID' }],
    });
    await closed(worker, clock);
  });
});

describe('a task that fails', () => {
  it('runs again after growing waits, and is a dead letter after its last attempt', async () => {
    const at: number[] = [];
    const { clock, kit, queue, worker } = await setUp(
      (_, { attempt }) => {
        at.push(clock.now());
        throw Object.assign(new TypeError(`attempt ${attempt}`, { cause: new Error('socket') }), {
          code: 'EPIPE',
        });
      },
      { retry: { attempts: 4, initial: '1s', max: '3s', jitter: 0 } },
    );
    const start = clock.now();
    const dead: unknown[] = [];
    queue.on('task.dead', (event) => dead.push(event.subject));
    const { id } = await queue.enqueue(task, 'x');
    await clock.advance(60_000);
    expect(at.map((ms) => ms - start)).toEqual([0, 1_000, 3_000, 6_000]);
    const record = await kit.get(id);
    expect(record).toMatchObject({ state: 'dead', attempts: 4, payload: '"x"' });
    expect(record?.history.map((entry) => entry.message)).toEqual(
      [1, 2, 3, 4].map((attempt) => `attempt ${attempt} (cause: socket)`),
    );
    expect(record?.history[3]).toMatchObject({
      kind: 'error',
      name: 'TypeError',
      code: 'EPIPE',
      worker: worker.id,
    });
    expect(record?.history[3]?.stack).toContain('worker.test');
    expect(dead).toEqual([id]);
    expect(queue.stats()).toMatchObject({ failed: 3, dead: 1 });
    await closed(worker, clock);
  });

  it('is dead at once when the error says so, and runs again when the error says', async () => {
    const runs: Record<string, number[]> = {};
    const { clock, queue, worker, state } = await setUp((what) => {
      const name = String(what);
      runs[name] = [...(runs[name] ?? []), clock.now()];
      if (name === 'hopeless') throw new UnrecoverableError('no such account');
      if ((runs[name]?.length ?? 0) > 1) return;
      if (name === 'in 5m') throw new RetryAt('5m');
      throw new RetryAt(new Date(clock.now() + 120_000));
    });
    const start = clock.now();
    const hopeless = await queue.enqueue(task, 'hopeless');
    await queue.enqueueMany([
      { task, payload: 'in 5m' },
      { task, payload: 'at' },
    ]);
    await clock.advance(600_000);
    expect(await state(hopeless.id)).toBe('dead');
    expect(runs.hopeless?.length).toBe(1);
    expect(runs['in 5m']?.map((ms) => ms - start)).toEqual([0, 300_000]);
    expect(runs.at?.map((ms) => ms - start)).toEqual([0, 120_000]);
    await closed(worker, clock);
  });

  it('does what the policy decides by the error, within the attempts', async () => {
    const { clock, queue, worker, state } = await setUp(
      (what) => {
        throw new Error(String(what));
      },
      {
        retry: {
          attempts: 3,
          decide: (error) => {
            const message = String(error);
            if (message.includes('fatal')) return 'dead';
            if (message.includes('throw')) throw new Error('decide is broken');
            return 'retry';
          },
        },
      },
    );
    const [fatal, again, broken] = await queue.enqueueMany(
      ['fatal', 'again', 'throw'].map((payload) => ({ task, payload })),
    );
    await clock.advance(0);
    expect(await state(fatal?.id ?? '')).toBe('dead');
    expect(await state(again?.id ?? '')).toBe('dead');
    expect(await state(broken?.id ?? '')).toBe('scheduled');
    await clock.advance(10_000);
    expect(await state(broken?.id ?? '')).toBe('dead');
    await closed(worker, clock);
  });

  it('stops nobody, whatever it throws or is made of', async () => {
    const unreadable = new Proxy(new Error('x'), {
      get: () => {
        throw new Error('unreadable');
      },
    });
    const thrown = [
      undefined,
      null,
      'text',
      42,
      { toString: null },
      unreadable,
      new Error('a\0b'.repeat(9_999)),
    ];
    const { clock, kit, queue, worker, state } = await setUp(
      (index) => {
        if (index === 'fine') return 'fine';
        throw thrown[Number(index)];
      },
      { retry: { attempts: 1 } },
    );
    const poison = await queue.enqueueMany(thrown.map((_, payload) => ({ task, payload })));
    const unparsable = await kit.add({ payload: '{"a":' });
    const fine = await queue.enqueue(task, 'fine');
    await clock.advance(0);
    for (const { id } of poison) expect(await state(id)).toBe('dead');
    const record = await kit.get(unparsable);
    expect(record).toMatchObject({
      state: 'dead',
      history: [{ kind: 'invalid', code: 'QUEUE_PAYLOAD_INVALID' }],
    });
    expect(await state(fine.id)).toBe('completed');
    await closed(worker, clock);
  });
});

describe('the signal', () => {
  it('aborts at the time limit, which counts as a failure even when the handler then resolves', async () => {
    const reasons: unknown[] = [];
    const { clock, kit, queue, worker } = await setUp(
      (_, { signal }) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            reasons.push(signal.reason.code);
            resolve('too late');
          });
        }),
      { timeout: '5s', retry: { attempts: 1 } },
    );
    const { id } = await queue.enqueue(task, {});
    await clock.advance(5_000);
    expect(reasons).toEqual(['QUEUE_TASK_TIMEOUT']);
    expect(await kit.get(id)).toMatchObject({
      state: 'dead',
      history: [{ kind: 'timeout', durationMs: 5_000 }],
    });
    await closed(worker, clock);
  });

  it('frees the slot of a handler that never ends', async () => {
    const { clock, queue, worker, state } = await setUp(
      (what) => (what === 'hang' ? forever() : 'done'),
      {
        concurrency: 1,
        timeout: '5s',
        abortGrace: '1s',
        retry: { attempts: 1 },
      },
    );
    const hang = await queue.enqueue(task, 'hang');
    const next = await queue.enqueue(task, 'next');
    await clock.advance(5_999);
    expect(await state(next.id)).toBe('ready');
    await clock.advance(1);
    expect([await state(hang.id), await state(next.id)]).toEqual(['dead', 'completed']);
    await closed(worker, clock);
  });

  it('aborts when another worker took the task over, and what it did is not recorded', async () => {
    let context: TaskContext | undefined;
    let finish: (value: string) => void = () => undefined;
    const { clock, kit, queue, worker, store } = await setUp(
      (_, given) => {
        context = given;
        return new Promise((resolve) => {
          finish = resolve;
        });
      },
      { concurrency: 1 },
    );
    const { id } = await queue.enqueue(task, {});
    await clock.advance(0);
    // The other side of a long pause: the lease lapsed and somebody else claimed the task.
    const exchange = store.exchange.bind(store);
    store.exchange = () => Promise.reject(new Error('cut off'));
    await clock.advance(10_000);
    await store.sweep(10);
    store.exchange = exchange;
    expect((await kit.claimOne('other')).epoch).toBe(2);
    const lost: string[] = [];
    queue.on('task.lost', (event) => lost.push(event.subject));
    await clock.advance(6_000);
    expect(context?.signal.reason).toMatchObject({ code: 'QUEUE_LEASE_LOST' });
    finish('mine');
    await clock.advance(0);
    expect(lost).toEqual([id]);
    expect(await kit.get(id)).toMatchObject({ state: 'leased', worker: 'other', result: null });
    await closed(worker, clock);
  });

  it('stays quiet while a long handler keeps its lease', async () => {
    const { clock, queue, worker, state } = await setUp(
      (_, { signal }) =>
        new Promise((resolve) => {
          clock.setTimeout(() => resolve(signal.aborted), 300_000);
        }),
    );
    const { id } = await queue.enqueue(task, {});
    await clock.advance(299_000);
    expect(await state(id)).toBe('leased');
    await clock.advance(1_000);
    expect(await state(id)).toBe('completed');
    expect(queue.stats().started).toBe(1);
    await closed(worker, clock);
  });
});

describe('closing', () => {
  it('waits for what runs, claims nothing more, and settles', async () => {
    let finish: () => void = () => undefined;
    const { clock, queue, worker, state } = await setUp(
      () => new Promise<void>((resolve) => (finish = resolve)),
      {
        concurrency: 1,
      },
    );
    const running = await queue.enqueue(task, 1);
    const waiting = await queue.enqueue(task, 2);
    await clock.advance(0);
    const report = worker.close({ deadline: '1m' });
    await clock.advance(30_000);
    finish();
    await clock.advance(0);
    expect(await report).toMatchObject({ drained: true, durationMs: 30_000 });
    expect([await state(running.id), await state(waiting.id)]).toEqual(['completed', 'ready']);
    expect(await worker.close()).toEqual(await report);
    await expect(worker.start()).rejects.toMatchObject({ code: 'QUEUE_CLOSED' });
  });

  it('aborts at the deadline; a handler that ends by that costs no attempt', async () => {
    const { clock, kit, queue, worker } = await setUp((_, context) => untilAborted(context));
    const { id } = await queue.enqueue(task, {});
    await clock.advance(0);
    expect(await closed(worker, clock)).toMatchObject({
      drained: false,
      abandoned: 0,
      unsettled: 0,
    });
    expect(await kit.get(id)).toMatchObject({ state: 'ready', attempts: 0, epoch: 1, history: [] });
  });

  it('leaves a handler that never ends to its lease', async () => {
    const { clock, queue, worker, state } = await setUp(forever);
    const { id } = await queue.enqueue(task, {});
    await clock.advance(0);
    expect(await closed(worker, clock)).toMatchObject({ drained: false, abandoned: 1 });
    expect(await state(id)).toBe('leased');
  });

  it('hands back, uncharged, what a claim in flight brings', async () => {
    let release: () => void = () => undefined;
    const { clock, kit, queue, worker } = await setUp(() => undefined, {
      wrap: (store) => {
        const exchange = store.exchange.bind(store);
        store.exchange = async (request) => {
          const reply = await exchange(request);
          if (reply.claimed.length > 0) await new Promise<void>((resolve) => (release = resolve));
          return reply;
        };
        return store;
      },
    });
    const { id } = await queue.enqueue(task, {});
    await clock.advance(0);
    const report = worker.close();
    release();
    await clock.advance(0);
    expect(await report).toMatchObject({ drained: true });
    expect(await kit.get(id)).toMatchObject({ state: 'ready', attempts: 0, epoch: 1 });
    expect(queue.stats()).toMatchObject({ started: 0, released: 1 });
  });

  it('resolves with the store gone, and says what could not be settled', async () => {
    const { clock, queue, worker, store } = await setUp(() => {
      store.exchange = () => Promise.reject(new Error('gone'));
    });
    await queue.enqueue(task, {});
    await clock.advance(0);
    expect(await worker.health()).toMatchObject({ status: 'degraded' });
    await clock.advance(30_000);
    expect(await worker.health()).toMatchObject({ status: 'unhealthy' });
    expect(await closed(worker, clock)).toMatchObject({ drained: false, unsettled: 1 });
  });
});

describe('trouble with the store', () => {
  it('is outlasted: settlements are sent again and count once', async () => {
    let failures = 3;
    const { clock, queue, worker, state } = await setUp(() => 'done', {
      wrap: (store) => {
        const exchange = store.exchange.bind(store);
        store.exchange = async (request) => {
          const reply = await exchange(request);
          // The store did it, but the answer is lost.
          if (request.settle.length > 0 && failures-- > 0) throw new Error('connection lost');
          return reply;
        };
        return store;
      },
    });
    const { id } = await queue.enqueue(task, {});
    await clock.advance(30_000);
    expect(await state(id)).toBe('completed');
    expect(queue.stats()).toMatchObject({ started: 1, lost: 0 });
    expect(await worker.health()).toMatchObject({ status: 'healthy' });
    await closed(worker, clock);
  });
});

describe('several versions and queues', () => {
  it('hands a task that no handler knows back, uncharged, for one that does', async () => {
    const { clock, queue, worker, kit, store } = await setUp(() => undefined);
    const other = defineTask('other');
    const { id } = await queue.enqueue(other, {});
    await clock.advance(0);
    expect(await kit.get(id)).toMatchObject({ state: 'scheduled', attempts: 0 });
    const knowing = createWorker(queue, [handle(other, () => 'known')], { clock });
    await knowing.start();
    await clock.advance(20_000);
    expect((await store.find({ ids: [id] }, { order: 'oldest', limit: 1 }))[0]?.state).toBe(
      'completed',
    );
    await closed(worker, clock);
    await closed(knowing, clock);
  });

  it('serves several queues of one store, in turn', async () => {
    const clock = virtualClock();
    const store = memoryStore({ clock });
    const [a, b] = [createQueue('a', { store }), createQueue('b', { store })];
    await a.enqueueMany(Array.from({ length: 4 }, () => ({ task, payload: 'a' })));
    await b.enqueueMany(Array.from({ length: 4 }, () => ({ task, payload: 'b' })));
    const order: unknown[] = [];
    const worker = createWorker([a, b], [handle(task, (queue) => void order.push(queue))], {
      clock,
      concurrency: 1,
    });
    await worker.start();
    await clock.advance(0);
    for (let i = 0; i < 5; i++) await clock.advance(0);
    expect(order.length).toBe(8);
    expect(new Set(order.slice(0, 2))).toEqual(new Set(['a', 'b']));
    await closed(worker, clock);
  });

  it('refuses queues of two stores, two handlers for one task, and options that do not exist', () => {
    const [a, b] = [
      createQueue('a', { store: memoryStore() }),
      createQueue('b', { store: memoryStore() }),
    ];
    const one = handle(task, () => undefined);
    expect(() => createWorker([a, b], [one])).toThrow('`queues` to be queues of one store');
    expect(() => createWorker(a, [one, one])).toThrow(
      '`handlers` to be at most one handler for a task',
    );
    expect(() => createWorker(a, [one], { concurrency: 0 })).toThrow('`options.concurrency`');
    expect(() => createWorker(a, [one], { lease: 10 })).toThrow(
      '`options.lease` to be a duration of at least 1000 ms',
    );
    expect(() => createWorker(a, [one], { leaze: 10 } as object)).toThrow(
      '`options.leaze` to be absent',
    );
  });
});
