import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  type AnyHandler,
  createQueue,
  createWorker,
  defineTask,
  handle,
  handleBatch,
  memoryStore,
} from '../src/index.js';
import { drain, virtualClock } from '../src/testing.js';
import { startSdk } from './telemetry-support.js';
import { closed } from './worker/support.js';

let sdk: ReturnType<typeof startSdk>;
beforeAll(() => {
  sdk = startSdk();
});
afterAll(() => sdk.stop());

const task = defineTask('t', { retry: { attempts: 3, initial: 0, jitter: 0 } });

/** A queue under a virtual clock, and what runs all of it. */
function setUp(name: string) {
  const clock = virtualClock();
  const queue = createQueue(name, { store: memoryStore({ clock }) });
  const run = (...handlers: AnyHandler[]) => drain(queue, handlers, { clock });
  return { clock, queue, run };
}

const baggageOf = () => propagation.getActiveBaggage()?.getEntry('request.id')?.value;
const inRequest = <T>(id: string, fn: () => T): T => {
  const baggage = propagation.createBaggage({ 'request.id': { value: id } });
  return context.with(propagation.setBaggage(context.active(), baggage), fn);
};

describe('spans', () => {
  it('link each attempt, a trace of its own, to the span that enqueued the task', async () => {
    const { queue, run } = setUp('orders');
    const { id } = await queue.enqueue(task, {});
    await run(
      handle(task, (_, { attempt }) => {
        if (attempt < 3) throw new RangeError(`no ${attempt}`);
      }),
    );
    const [enqueued, ...attempts] = sdk.spans('orders');
    expect(enqueued).toMatchObject({
      name: 'enqueue orders',
      kind: SpanKind.PRODUCER,
      attributes: {
        'messaging.system': 'holdfast',
        'messaging.operation.type': 'send',
        'messaging.message.id': id,
        'holdfast.consequence': 'task.enqueued',
        'holdfast.consequence.value': 1,
      },
    });
    const traces = [enqueued, ...attempts].map((span) => span?.spanContext().traceId);
    expect(new Set(traces).size).toBe(4);
    for (const [index, span] of attempts.entries()) {
      expect(span).toMatchObject({
        name: 'process orders',
        kind: SpanKind.CONSUMER,
        links: [{ context: { spanId: enqueued?.spanContext().spanId } }],
        attributes: {
          'messaging.operation.type': 'process',
          'messaging.message.id': id,
          'holdfast.queue.task': 't',
          'holdfast.queue.attempt': index + 1,
        },
      });
    }
    expect(attempts.map(({ status }) => status)).toEqual([
      { code: SpanStatusCode.ERROR, message: 'no 1' },
      { code: SpanStatusCode.ERROR, message: 'no 2' },
      { code: SpanStatusCode.UNSET },
    ]);
    expect(attempts[0]?.attributes['error.type']).toBe('RangeError');
    expect(attempts[0]?.events[0]).toMatchObject({
      name: 'exception',
      attributes: { 'exception.type': 'RangeError', 'exception.message': 'no 1' },
    });
    expect(attempts[2]?.attributes['error.type']).toBeUndefined();
    expect(attempts.map((span) => span.attributes['holdfast.consequence'])).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('carry the request through what handlers enqueue in turn', async () => {
    const { queue, run } = setUp('chain');
    const next = defineTask('next');
    const seen: unknown[] = [];
    await inRequest('r-1', () => queue.enqueue(task, {}));
    await run(
      handle(task, async () => {
        seen.push(baggageOf());
        await queue.enqueue(next, {});
      }),
      handle(next, () => void seen.push(baggageOf())),
    );
    expect(seen).toEqual(['r-1', 'r-1']);
    const [, inner, first, second] = sdk.spans('chain');
    expect(inner?.name).toBe('enqueue chain');
    expect(inner?.parentSpanContext?.spanId).toBe(first?.spanContext().spanId);
    expect(second?.links[0]?.context.spanId).toBe(inner?.spanContext().spanId);
    expect(trace.getActiveSpan()).toBeUndefined();
  });

  it('say how many tasks were added, and nothing of duplicates', async () => {
    const { queue } = setUp('counted');
    const item = { task, payload: {} };
    await queue.enqueueMany([item, item, { ...item, idempotencyKey: 'k' }]);
    await queue.enqueue(task, {}, { idempotencyKey: 'k' });
    const [many, duplicate] = sdk.spans('counted');
    expect(many?.attributes).toMatchObject({
      'messaging.batch.message_count': 3,
      'holdfast.consequence': 'task.enqueued',
      'holdfast.consequence.value': 3,
    });
    expect(duplicate?.attributes['holdfast.consequence']).toBeUndefined();
  });

  it('say why an enqueue was refused, and what a task died of', async () => {
    const { queue, run } = setUp('refused');
    const strict = defineTask('strict', {
      payload: z.object({ n: z.number() }),
      retry: { attempts: 1 },
    });
    await expect(queue.enqueue(strict, { n: 'x' } as never)).rejects.toThrow();
    await queue.enqueue(strict, { n: 1 });
    await run(
      handle(strict, () => {
        throw new TypeError('no');
      }),
    );
    const [refused, , died] = sdk.spans('refused');
    expect(refused).toMatchObject({
      status: { code: SpanStatusCode.ERROR },
      attributes: { 'error.type': 'QUEUE_PAYLOAD_INVALID' },
    });
    expect(died?.attributes).toMatchObject({
      'error.type': 'TypeError',
      'holdfast.consequence': 'task.dead',
    });
  });

  it('are one for a call of a batch handler, linked to all producers', async () => {
    const { queue, run } = setUp('batched');
    const once = defineTask('once', { retry: { attempts: 1 } });
    for (const payload of [1, 2, 3]) await queue.enqueue(once, payload);
    await run(
      handleBatch(once, (items) =>
        Promise.allSettled(
          items.map(async ({ payload }) => {
            if (payload !== 2) throw new Error('no');
          }),
        ),
      ),
    );
    const producers = sdk.spans('batched').filter(({ kind }) => kind === SpanKind.PRODUCER);
    const [call, ...more] = sdk.spans('batched').filter(({ kind }) => kind === SpanKind.CONSUMER);
    expect(more).toEqual([]);
    expect(call?.links.map((link) => link.context.spanId)).toEqual(
      producers.map((span) => span.spanContext().spanId),
    );
    expect(call?.attributes).toMatchObject({
      'messaging.batch.message_count': 3,
      'holdfast.consequence': 'task.dead',
      'holdfast.consequence.value': 2,
    });
  });

  it('say what stopped an attempt', async () => {
    const { clock, queue } = setUp('stopped');
    const worker = createWorker(queue, [handle(task, () => new Promise(() => undefined))], {
      clock,
      abortGrace: 0,
    });
    const limited = createQueue('limited', { store: memoryStore({ clock }) });
    const slow = createWorker(limited, [handle(task, () => new Promise(() => undefined))], {
      clock,
      abortGrace: 0,
      timeout: '1s',
    });
    await Promise.all([worker.start(), slow.start()]);
    const { id } = await queue.enqueue(task, {});
    await limited.enqueue(task, {});
    await clock.advance(500);
    await queue.store.alter({ ids: [id] }, { kind: 'cancel', running: true }, 1);
    await clock.advance(10_000);
    await closed(worker, clock);
    await closed(slow, clock);
    const types = (name: string) =>
      sdk.spans(name).flatMap(({ attributes }) => attributes['error.type'] ?? []);
    expect(types('stopped')).toEqual(['cancelled']);
    expect(types('limited')).toContain('QUEUE_TASK_TIMEOUT');
  });
});
