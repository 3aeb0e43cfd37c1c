import { describe, expect, it } from 'vitest';
import {
  createQueue,
  createWorker,
  defineTask,
  handle,
  handleInThread,
  memoryStore,
  type ThreadOptions,
  type WorkerOptions,
} from '../../src/index.js';
import { until } from './support.js';

const module = new URL('./job.mjs', import.meta.url);
const job = defineTask('job');

/** A queue and a worker whose tasks run in threads. */
async function setUp(options: WorkerOptions = {}, threads: ThreadOptions = {}) {
  const store = memoryStore();
  const queue = createQueue('q', { store, retry: { attempts: 1 } });
  const here = defineTask('here');
  const handlers = [
    handleInThread(job, module, { threads: 1, terminateAfter: 50, ...threads }),
    handle(here, () => 'here'),
  ];
  const worker = createWorker(queue, handlers, options);
  await worker.start();
  const record = async (id: string) =>
    (await store.find({ ids: [id] }, { order: 'oldest', limit: 1 }))[0];
  const run = async (payload: Record<string, unknown>) => {
    const { id } = await queue.enqueue(job, payload);
    await until(async () => ['completed', 'dead'].includes((await record(id))?.state ?? ''));
    return record(id);
  };
  return { queue, worker, run, here, record };
}

describe('a handler in a thread', () => {
  it('is called with the payload and the task, and gives its result or its error back', async () => {
    const { run, worker } = await setUp();
    const done = await run({ do: 'add', a: 1, b: 2 });
    expect(done).toMatchObject({ state: 'completed' });
    expect(JSON.parse(done?.result ?? '')).toEqual({ sum: 3, task: done?.id });
    expect(await run({ do: 'throw' })).toMatchObject({
      state: 'dead',
      history: [{ kind: 'error', name: 'TypeError', message: 'from the thread', code: 'ETHREAD' }],
    });
    const failed = await run({ do: 'throw' });
    expect(failed?.history[0]?.stack).toContain('job.mjs');
    await worker.close();
  });

  it('may throw anything, and what it says of retries counts', async () => {
    const store = memoryStore();
    const queue = createQueue('q', { store, retry: { attempts: 5, initial: '1h' } });
    const worker = createWorker(queue, [handleInThread(job, module, { threads: 1 })]);
    await worker.start();
    const { id } = await queue.enqueue(job, { do: 'unrecoverable' });
    const text = await queue.enqueue(job, { do: 'throw-text' });
    const strange = await queue.enqueue(job, { do: 'throw-strange' });
    const uncloneable = await queue.enqueue(job, { do: 'function' });
    await until(async () => (await store.stats(['q']))[0]?.counts.scheduled === 3);
    const find = async (one: string) =>
      (await store.find({ ids: [one] }, { order: 'oldest', limit: 1 }))[0];
    expect(await find(id)).toMatchObject({ state: 'dead', attempts: 1 });
    expect((await find(text.id))?.history[0]).toMatchObject({ name: 'string', message: 'a text' });
    expect((await find(strange.id))?.history[0]?.message).toBe('an error that cannot be read');
    expect((await find(uncloneable.id))?.history[0]?.name).toBe('DataCloneError');
    await worker.close();
  });

  it('that kills its thread fails its attempt, and the next one runs in a new thread', async () => {
    const { run, worker } = await setUp({}, { resourceLimits: { maxOldGenerationSizeMb: 16 } });
    for (const [poison, message] of [
      ['exit', 'exit code 7'],
      ['uncaught', 'nobody catches this'],
      ['memory', 'memory'],
    ] as const) {
      const dead = await run({ do: poison });
      expect(dead).toMatchObject({ state: 'dead', history: [{ code: 'QUEUE_THREAD_ENDED' }] });
      expect(dead?.history[0]?.message).toContain(message);
    }
    expect(await run({ do: 'add', a: 1, b: 1 })).toMatchObject({ state: 'completed' });
    await worker.close();
  }, 60_000);

  it('that blocks for ever is ended at its time limit, while others and the heartbeat go on', async () => {
    const { run, worker, queue, here, record } = await setUp({ timeout: 300, lease: '1s' });
    const blocked = run({ do: 'block' });
    const { id } = await queue.enqueue(here, {});
    await until(async () => (await record(id))?.state === 'completed');
    expect(await blocked).toMatchObject({ state: 'dead', history: [{ kind: 'timeout' }] });
    expect(await run({ do: 'add', a: 1, b: 1 })).toMatchObject({ state: 'completed' });
    await worker.close();
  });

  it('keeps its lease however long it computes', async () => {
    const { run, worker, queue } = await setUp({ lease: '1s', sweepInterval: 100 });
    expect(await run({ do: 'spin', ms: 2_500 })).toMatchObject({ state: 'completed', epoch: 1 });
    expect(queue.stats()).toMatchObject({ started: 1, lost: 0 });
    await worker.close();
  });

  it('is told to stop when the worker closes, and ended when it does not', async () => {
    const { worker, queue, record } = await setUp({ concurrency: 2 }, { threads: 2 });
    const tells = await queue.enqueue(job, { do: 'until-aborted' });
    const blocks = await queue.enqueue(job, { do: 'block' });
    await until(() => worker.stats().running === 2);
    // Until both run for sure: a thread takes its time to begin.
    await new Promise((resolve) => setTimeout(resolve, 150));
    const report = await worker.close({ deadline: 10 });
    expect(report).toMatchObject({ drained: false, abandoned: 0, unsettled: 0 });
    for (const { id } of [tells, blocks])
      expect(await record(id)).toMatchObject({ state: 'ready', attempts: 0 });
  });

  it('waits for a free thread, no more of them than allowed, and not beyond its time limit', async () => {
    const { worker, queue, record } = await setUp({ concurrency: 3, timeout: 400 });
    const first = await queue.enqueue(job, { do: 'block' });
    const second = await queue.enqueue(job, { do: 'add', a: 1, b: 1 });
    await until(async () => (await record(first.id))?.state === 'dead');
    await until(async () => (await record(second.id))?.state === 'dead');
    expect((await record(second.id))?.history).toMatchObject([{ kind: 'timeout' }]);
    await worker.close();
  });

  it('is refused without a module that can be found, and with options that do not exist', () => {
    expect(() => handleInThread(job, './job.js')).toThrow('`module` to be a file: URL');
    expect(() => handleInThread(job, new URL('https://example.com/job.js'))).toThrow('`module`');
    expect(() => handleInThread(job, module, { threads: 0 })).toThrow('`options.threads`');
    expect(() => handleInThread(job, module, { thread: 1 } as object)).toThrow('`options.thread`');
  });

  it('fails its attempts when the module cannot be loaded', async () => {
    const store = memoryStore();
    const queue = createQueue('q', { store, retry: { attempts: 1 } });
    const missing = new URL('./no-such-job.mjs', import.meta.url);
    const worker = createWorker(queue, [handleInThread(job, missing, { threads: 1 })]);
    await worker.start();
    const { id } = await queue.enqueue(job, {});
    await until(async () => (await store.stats(['q']))[0]?.counts.dead === 1);
    const [dead] = await store.find({ ids: [id] }, { order: 'oldest', limit: 1 });
    expect(dead?.history[0]?.message).toContain('no-such-job');
    await worker.close();
  });
});
