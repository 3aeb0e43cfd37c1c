import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createQueue, defineTask, handle, memoryStore, type QueueStore } from '../src/index.js';
import { startSdk } from './telemetry-support.js';
import { after, closed, setUp, task } from './worker/support.js';

let sdk: ReturnType<typeof startSdk>;
beforeAll(() => {
  sdk = startSdk();
});
afterAll(() => sdk.stop());

/** The series of a metric with these attributes. */
async function seriesOf(name: string, attributes: object) {
  const wanted = expect.objectContaining(attributes);
  const points = await sdk.points();
  return points.filter((point) => point.name === name && wanted.asymmetricMatch(point.attributes));
}

describe('times', () => {
  it('are those of the wait, the attempt and the whole, by queue and task', async () => {
    const { clock, queue, worker } = await setUp(() => after(clock, 2_000), {
      start: false,
      queue: 'timed',
    });
    await queue.enqueue(task, {});
    await queue.enqueue(task, {}, { delay: '3s' });
    await clock.advance(4_000);
    await worker.start();
    await clock.advance(5_000);
    const attributes = { queue: 'timed', task: 't' };
    expect(await seriesOf('holdfast_queue_wait_duration_seconds', attributes)).toMatchObject([
      { unit: 's', attributes, value: { count: 2, sum: 5, min: 1, max: 4 } },
    ]);
    const run = { 'messaging.destination.name': 'timed' };
    expect(await seriesOf('messaging.process.duration', run)).toEqual([
      {
        name: 'messaging.process.duration',
        unit: 's',
        attributes: {
          'messaging.system': 'holdfast',
          'messaging.operation.type': 'process',
          'messaging.operation.name': 'process',
          'messaging.destination.name': 'timed',
          'holdfast.queue.task': 't',
        },
        value: expect.objectContaining({ count: 2, sum: 4 }),
      },
    ]);
    expect(await seriesOf('holdfast_queue_total_duration_seconds', attributes)).toMatchObject([
      { attributes: { ...attributes, outcome: 'completed' }, value: { count: 2, min: 6, max: 6 } },
    ]);
    await closed(worker, clock);
  });

  it('of a retry begin when it is due; the whole ends with the last failure', async () => {
    const { clock, queue, worker } = await setUp(
      async () => {
        await after(clock, 1_000);
        throw new RangeError('no');
      },
      { queue: 'retried', retry: { attempts: 2, initial: '30s', jitter: 0 } },
    );
    await queue.enqueue(task, {});
    await clock.advance(40_000);
    const of = { queue: 'retried' };
    expect(await seriesOf('holdfast_queue_wait_duration_seconds', of)).toMatchObject([
      { value: { count: 2, sum: 0 } },
    ]);
    const run = { 'messaging.destination.name': 'retried' };
    expect(await seriesOf('messaging.process.duration', run)).toMatchObject([
      { attributes: { 'error.type': 'RangeError' }, value: { count: 2, sum: 2 } },
    ]);
    expect(await seriesOf('holdfast_queue_total_duration_seconds', of)).toMatchObject([
      { attributes: { outcome: 'dead' }, value: { count: 1, sum: 32 } },
    ]);
    await closed(worker, clock);
  });

  it('have few series, whatever handlers throw', async () => {
    const { clock, queue, worker } = await setUp(
      (n) => {
        throw Object.assign(new Error('no'), { name: `Error${n}` });
      },
      { queue: 'noisy', retry: { attempts: 1 } },
    );
    const items = Array.from({ length: 200 }, (_, payload) => ({ task, payload }));
    await queue.enqueueMany(items);
    await clock.advance(0);
    await clock.advance(0);
    const run = { 'messaging.destination.name': 'noisy' };
    const series = await seriesOf('messaging.process.duration', run);
    expect(series).toHaveLength(21);
    expect(series.at(-1)).toMatchObject({
      attributes: { 'error.type': '_OTHER' },
      value: { count: 180 },
    });
    await closed(worker, clock);
  });

  it('of enqueues say whether they were refused', async () => {
    const queue = createQueue('entered', { store: memoryStore() });
    const strict = defineTask('strict', { payload: z.object({ n: z.number() }) });
    await queue.enqueue(strict, { n: 1 });
    await expect(queue.enqueue(strict, { n: 'x' } as never)).rejects.toThrow();
    const send = { 'messaging.destination.name': 'entered', 'messaging.operation.name': 'enqueue' };
    const series = await seriesOf('messaging.client.operation.duration', send);
    expect(series).toMatchObject([
      { attributes: { 'messaging.operation.type': 'send' }, value: { count: 1 } },
      { attributes: { 'error.type': 'QUEUE_PAYLOAD_INVALID' }, value: { count: 1 } },
    ]);
    expect(series[0]?.attributes).not.toHaveProperty('error.type');
    await queue.close();
  });
});

describe('counters and gauges', () => {
  it('are those of the queue when metrics are collected', async () => {
    const queue = createQueue('metered', { store: memoryStore() });
    await queue.enqueue(task, {}, { idempotencyKey: 'k' });
    await queue.enqueue(task, {}, { idempotencyKey: 'k' });
    await queue.enqueue(task, {}, { delay: '1h' });
    const value = async (name: string, extra: object = {}): Promise<unknown> =>
      (await seriesOf(name, { queue: 'metered', ...extra }))[0]?.value;
    expect(await value('holdfast_queue_enqueued_total')).toBe(2);
    expect(await value('holdfast_queue_duplicates_total')).toBe(1);
    expect(await value('holdfast_queue_tasks', { state: 'ready' })).toBe(1);
    expect(await value('holdfast_queue_tasks', { state: 'scheduled' })).toBe(1);
    expect(await value('holdfast_queue_oldest_ready_age_seconds')).toBeGreaterThanOrEqual(0);
    await queue.close();
  });

  it('count what workers did', async () => {
    const { clock, queue, worker } = await setUp(
      [
        handle(task, (what, { attempt }) => {
          if (what === 'dies' || (what === 'fails' && attempt === 1)) throw new Error('no');
        }),
      ],
      { queue: 'worked', retry: { attempts: 2, initial: 0, jitter: 0 } },
    );
    for (const payload of ['fine', 'fails', 'dies']) await queue.enqueue(task, payload);
    await clock.advance(1_000);
    const points = await sdk.points();
    const totals = Object.fromEntries(
      points
        .filter(({ name, attributes }) => name.endsWith('_total') && attributes.queue === 'worked')
        .map(({ name, value }) => [name, value]),
    );
    expect(totals).toEqual({
      holdfast_queue_enqueued_total: 3,
      holdfast_queue_duplicates_total: 0,
      holdfast_queue_started_total: 5,
      holdfast_queue_completed_total: 2,
      holdfast_queue_failed_total: 2,
      holdfast_queue_dead_total: 1,
      holdfast_queue_lost_total: 0,
      holdfast_queue_released_total: 0,
    });
    await closed(worker, clock);
  });

  it('leave a gap where the store does not answer, and the rest is collected', async () => {
    const store: QueueStore = memoryStore();
    store.stats = () => Promise.reject(new Error('away'));
    const queue = createQueue('away', { store });
    await queue.enqueue(task, {});
    expect(await seriesOf('holdfast_queue_tasks', { queue: 'away' })).toEqual([]);
    expect(await seriesOf('holdfast_queue_enqueued_total', { queue: 'away' })).toMatchObject([
      { value: 1 },
    ]);
    await queue.close();
  });
});
