import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type AnyHandler,
  createQueue,
  createWorker,
  defineTask,
  handle,
  handleBatch,
  handleInThread,
  type TaskContext,
  type WorkerOptions,
} from '../../src/index.js';
import { type OpenStore, testedStores } from './stores.js';
import { until } from './support.js';

const task = defineTask('t');
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const untilAborted = ({ signal }: TaskContext): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

/** What a worker does for its handlers, on the store's own clock. What needs no store runs on a virtual one. */
describe.each(testedStores.filter(({ available }) => available))('a worker on $name', (tested) => {
  // The embedded database has the processor of this process alone.
  const test = tested.name === 'pglite' ? it : it.concurrent;
  let opened: OpenStore;
  let queues = 0;
  beforeAll(async () => {
    opened = await tested.open();
    await opened.store.migrate();
  });
  afterAll(() => opened?.close());

  async function setUp(handlers: readonly AnyHandler[], options: WorkerOptions = {}) {
    const { store } = opened;
    const retry = { attempts: 2, initial: 0, jitter: 0 };
    const queue = createQueue(`q${queues++}`, { store, retry });
    const worker = createWorker(queue, handlers, {
      sweepInterval: '500ms',
      ...options,
    });
    await worker.start();
    const record = async (id: string) =>
      (await store.find({ ids: [id] }, { order: 'oldest', limit: 1 }))[0];
    const ended = (ids: readonly string[]) =>
      until(async () => {
        const found = await store.find({ ids }, { order: 'oldest', limit: ids.length });
        return found.every(({ state }) => ['completed', 'dead', 'cancelled'].includes(state));
      });
    return { queue, worker, store, record, ended };
  }

  test('settles each task of a batch by its own result, and runs again what failed', async () => {
    const sizes: number[] = [];
    const { queue, worker, record, ended } = await setUp([
      handleBatch(
        task,
        (items) => {
          sizes.push(items.length);
          return Promise.allSettled(
            items.map(async ({ payload, context: { attempt } }) => {
              if (payload === 'dies') throw new TypeError('never');
              if (payload === 'fails' && attempt === 1) throw new RangeError('not yet');
              return payload;
            }),
          );
        },
        { size: 10 },
      ),
    ]);
    const payloads = ['dies', 'fails', ...Array.from({ length: 18 }, (_, n) => n)];
    const outcomes = await queue.enqueueMany(payloads.map((payload) => ({ task, payload })));
    const ids = outcomes.map(({ id }) => id);
    await ended(ids);
    const [dies, fails, ...rest] = await Promise.all(ids.map(record));
    expect(dies).toMatchObject({ state: 'dead', attempts: 2, history: [{}, { message: 'never' }] });
    expect(fails).toMatchObject({ state: 'completed', attempts: 2, result: '"fails"' });
    expect(rest.map((each) => each?.result)).toEqual(rest.map((_, n) => String(n)));
    expect(Math.max(...sizes)).toBe(10);
    await worker.close();
  });

  test('runs jobs in threads, which keep their leases while they compute', async () => {
    const job = defineTask('job');
    const handler = handleInThread(job, new URL('./job.mjs', import.meta.url), { threads: 1 });
    const { queue, worker, record, ended } = await setUp([handler], { lease: '2s' });
    const outcomes = await queue.enqueueMany(
      [{ do: 'spin', ms: 2_500 }, { do: 'throw' }].map((payload) => ({ task: job, payload })),
    );
    const ids = outcomes.map(({ id }) => id);
    await ended(ids);
    const [spun, threw] = await Promise.all(ids.map(record));
    expect(spun).toMatchObject({ state: 'completed', epoch: 1, result: '"spun"' });
    expect(threw).toMatchObject({
      state: 'dead',
      history: [{ name: 'TypeError' }, { message: 'from the thread', code: 'ETHREAD' }],
    });
    await worker.close();
  });

  test('gives itself more slots while tasks wait', async () => {
    let [running, most] = [0, 0];
    const { queue, worker, ended } = await setUp(
      [
        handle(task, async () => {
          most = Math.max(most, ++running);
          await pause(50);
          running--;
        }),
      ],
      { concurrency: { min: 1, max: 20 } },
    );
    const items = Array.from({ length: 100 }, () => ({ task, payload: {} }));
    const outcomes = await queue.enqueueMany(items);
    await ended(outcomes.map(({ id }) => id));
    expect(most).toBeGreaterThan(1);
    expect(queue.stats()).toMatchObject({ completed: 100, lost: 0 });
    await worker.close();
  });

  test('stops a task that is cancelled while it runs', async () => {
    let reason: unknown;
    const { queue, worker, store, record, ended } = await setUp(
      [
        handle(task, async (_, context) => {
          await untilAborted(context).catch((error: unknown) => (reason = error));
          return 'all the same';
        }),
      ],
      { lease: '3s' },
    );
    const { id } = await queue.enqueue(task, {});
    await until(async () => (await record(id))?.state === 'leased');
    await store.alter({ ids: [id] }, { kind: 'cancel', running: true }, 1);
    await ended([id]);
    expect(reason).toMatchObject({ code: 'QUEUE_TASK_CANCELLED' });
    expect(await record(id)).toMatchObject({ state: 'cancelled', result: null });
    await worker.close();
  });

  test('stops an attempt at its time limit, and keeps that in its history', async () => {
    const { queue, worker, record, ended } = await setUp(
      [handle(task, (_, context) => untilAborted(context))],
      { timeout: 100 },
    );
    const { id } = await queue.enqueue(task, {});
    await ended([id]);
    expect(await record(id)).toMatchObject({
      state: 'dead',
      attempts: 2,
      history: [{ kind: 'timeout' }, { kind: 'timeout', code: 'QUEUE_TASK_TIMEOUT' }],
    });
    await worker.close();
  });

  test('keeps what a handler reports while it runs, and its lease for as long', async () => {
    let finish: () => void = () => undefined;
    const { queue, worker, record, ended } = await setUp(
      [
        handle(task, async (_, { progress }) => {
          progress({ done: 1 });
          await new Promise<void>((resolve) => (finish = resolve));
          progress({ done: 2 });
          return 'done';
        }),
      ],
      { lease: '2s' },
    );
    const { id } = await queue.enqueue(task, {});
    await until(async () => (await record(id))?.progress === '{"done":1}');
    await pause(2_500);
    expect(await record(id)).toMatchObject({ state: 'leased', epoch: 1 });
    finish();
    await ended([id]);
    expect(await record(id)).toMatchObject({
      state: 'completed',
      epoch: 1,
      progress: '{"done":2}',
    });
    await worker.close();
  });

  test('hands back at the deadline what it cannot finish, uncharged, and settles the rest', async () => {
    const { queue, worker, record } = await setUp(
      [
        handle(task, async (what, context) => {
          if (what === 'slow') await untilAborted(context);
          else await pause(100);
        }),
      ],
      { concurrency: 2 },
    );
    const outcomes = await queue.enqueueMany(
      ['slow', 'quick', 'waits'].map((payload) => ({ task, payload })),
    );
    const ids = outcomes.map(({ id }) => id);
    await until(() => queue.stats().started === 2);
    const report = await worker.close({ deadline: 300 });
    expect(report).toMatchObject({ drained: false, abandoned: 0, unsettled: 0 });
    expect(await Promise.all(ids.map(record))).toMatchObject([
      { state: 'ready', attempts: 0, history: [] },
      { state: 'completed', attempts: 1 },
      { state: 'ready', attempts: 0 },
    ]);
  });

  test('tells a parent of its children', async () => {
    const parent = defineTask('parent');
    let seen: unknown;
    const { queue, worker, ended } = await setUp([
      handle(task, (n) => Number(n) * 10),
      handle(parent, async (_, { children }) => {
        seen = (await children()).map(({ result }) => result);
      }),
    ]);
    const outcomes = await queue.enqueueFlow([
      { ref: 'a', task, payload: 1 },
      { ref: 'b', task, payload: 2 },
      { task: parent, payload: {}, after: ['a', 'b'] },
    ]);
    await ended(outcomes.map(({ id }) => id));
    expect(seen).toEqual(expect.arrayContaining([10, 20]));
    await worker.close();
  });

  test('is healthy, as is its queue', async () => {
    const { queue, worker } = await setUp([handle(task, () => undefined)]);
    expect(await queue.health()).toMatchObject({
      status: 'healthy',
      details: { queue: queue.name, paused: false, counts: { ready: 0 } },
    });
    expect(await worker.health()).toMatchObject({
      status: 'healthy',
      details: { worker: worker.id, state: 'running', failing: 0 },
    });
    await worker.close();
    expect((await worker.health()).status).toBe('unhealthy');
  });
});

const withTransactions = testedStores.filter(
  ({ name, available }) => available && ['pglite', 'postgres'].includes(name),
);

describe.each(withTransactions)('completing in a transaction on $name', (tested) => {
  let opened: OpenStore;
  beforeAll(async () => {
    opened = await tested.open();
    await opened.db?.exec('create table sent (id text not null)');
  });
  afterAll(() => opened?.close());

  it('keeps the row and the completion, or neither, and then the task runs again', async () => {
    const { store, db } = opened;
    if (db === undefined) throw new Error('a store without a database');
    const queue = createQueue('mail', { store, retry: { attempts: 2, initial: 0 } });
    const rows = async () => (await db.query('select id from sent')).rows;
    const seen: unknown[] = [];
    const worker = createWorker(queue, [
      handle(task, async (_, { id, attempt, completeIn }) => {
        seen.push(await rows());
        await db.transaction(async (tx) => {
          await tx.query('insert into sent values ($1)', [id]);
          await completeIn(tx, { attempt });
          if (attempt === 1) throw new Error('the transaction rolls back');
        });
      }),
    ]);
    await worker.start();
    const { id } = await queue.enqueue(task, {});
    const record = async () => (await store.find({ ids: [id] }, { order: 'oldest', limit: 1 }))[0];
    await until(async () => (await record())?.state === 'completed');
    expect(seen).toEqual([[], []]);
    expect(await rows()).toEqual([{ id }]);
    expect(await record()).toMatchObject({ attempts: 2, result: '{"attempt":2}' });
    await worker.close();
    expect(queue.stats()).toMatchObject({ completed: 1, failed: 1, lost: 0 });
  });
});

const remote = testedStores.filter(
  ({ available, openBehind }) => available && openBehind !== undefined,
);

describe.each(remote)('health while $name is away', ({ openBehind }) => {
  it('is bad, says why, and is good again when it is back', async () => {
    const opened = await openBehind?.();
    if (opened === undefined) throw new Error('a store in this process');
    const { store, line } = opened;
    const queue = createQueue('q', { store });
    const worker = createWorker(queue, [handle(task, () => undefined)], {
      pollInterval: 50,
    });
    await worker.start();
    expect([(await queue.health()).status, (await worker.health()).status]).toEqual([
      'healthy',
      'healthy',
    ]);
    line.set({ refuse: true });
    line.reset();
    await until(async () => (await worker.health()).status === 'degraded');
    expect(await queue.health()).toMatchObject({
      status: 'unhealthy',
      details: { queue: 'q', store: store.name, reason: expect.stringMatching(/./) },
    });
    line.heal();
    await until(async () => (await worker.health()).status === 'healthy');
    await until(async () => (await queue.health()).status === 'healthy');
    await worker.close();
    await opened.close();
  });
});
