import { describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { createQueue, defineTask, isQueueError, memoryStore, QueueError } from '../src/index.js';
import { virtualClock } from '../src/testing.js';

const sendEmail = defineTask('send-email', {
  payload: z.object({ to: z.email(), items: z.array(z.object({ n: z.number() })).default([]) }),
});

describe('enqueue', () => {
  it('refuses a payload that does not fit, naming path, rule and value, and adds nothing', async () => {
    const store = memoryStore();
    const queue = createQueue('emails', { store });
    const bad = { to: 'ann', items: [{ n: 1 }, { n: 'x' as never }] };
    const error = await queue.enqueue(sendEmail, bad).catch((thrown: unknown) => thrown);
    if (!isQueueError(error)) throw new Error('it was accepted');
    expect(error.code).toBe('QUEUE_PAYLOAD_INVALID');
    expect(error.message).toContain(
      'Expected `payload.to` to be valid (Invalid email address), got "ann" (string)',
    );
    expect(error.details?.issues).toMatchObject([
      { path: 'payload.to' },
      { path: 'payload.items[1].n' },
    ]);
    expect(await store.stats()).toEqual([]);
  });

  it('names the item of a list that does not fit, and adds none', async () => {
    const store = memoryStore();
    const queue = createQueue('emails', { store });
    const items = [
      { task: sendEmail, payload: { to: 'a@b.co' } },
      { task: sendEmail, payload: {} },
    ];
    await expect(queue.enqueueMany(items)).rejects.toThrow('`items[1].payload.to`');
    const late = [{ task: sendEmail, payload: { to: 'a@b.co' }, priority: 0.5 }];
    await expect(queue.enqueueMany(late)).rejects.toThrow('`items[0].priority` to be an integer');
    expect(await store.stats()).toEqual([]);
  });

  it('checks the JSON form of a payload, which is what the handler will get', async () => {
    const queue = createQueue('q', { store: memoryStore(), maxPayloadBytes: 100 });
    const dated = defineTask('dated', { payload: z.object({ at: z.date() }) });
    const failing = (payload: unknown): Promise<unknown> =>
      queue.enqueue(defineTask('any'), payload).catch((error: QueueError) => error.message);
    await expect(queue.enqueue(dated, { at: new Date() })).rejects.toMatchObject({
      code: 'QUEUE_PAYLOAD_INVALID',
    });
    const cyclic: Record<string, unknown> = {};
    cyclic.self = cyclic;
    expect(await failing(cyclic)).toContain('Expected `payload` to be a value that JSON can hold');
    expect(await failing(1n)).toContain('a value that JSON can hold');
    expect(await failing(() => 1)).toContain('got a function');
    expect(await failing('ж'.repeat(60))).toContain(
      'at most 100 bytes of JSON, got "122 bytes"'.replaceAll('"', ''),
    );
    expect(await failing(undefined)).toMatchObject({ outcome: 'added' });
  });

  it('refuses options that are wrong or do not exist', async () => {
    const queue = createQueue('q', { store: memoryStore() });
    const task = defineTask('t');
    const refused = async (options: object): Promise<string> =>
      queue.enqueue(task, {}, options).then(
        () => 'accepted',
        (error: QueueError) => error.message,
      );
    expect(await refused({ delay: -1 })).toContain(
      '`options.delay` to be a duration of at least 0 ms',
    );
    expect(await refused({ delay: '5 minutes' })).toContain('"5 minutes" (string)');
    expect(await refused({ delay: 5, runAt: new Date() })).toContain('absent where runAt is given');
    expect(await refused({ runAt: new Date(Number.NaN) })).toContain(
      '`options.runAt` to be a valid date',
    );
    expect(await refused({ priority: Number.NaN })).toContain('got NaN (number)');
    expect(await refused({ priority: 40_000 })).toContain('from -32768 to 32767');
    expect(await refused({ idempotencyKey: 'a\0b' })).toContain('without NUL');
    expect(await refused({ idempotencyKey: '' })).toContain('1 to 500 characters');
    expect(await refused({ headers: { a: 1 } })).toContain(
      '`options.headers.a` to be a text, got 1 (number)',
    );
    expect(await refused({ prority: 1 })).toContain('`options.prority` to be absent; known are');
    expect(await refused({ tx: {} })).toContain('the memory store has no transactions');
  });

  it('says whether a task was added or was there already', async () => {
    const queue = createQueue('q', { store: memoryStore() });
    const task = defineTask('t');
    const first = await queue.enqueue(task, 1, { idempotencyKey: 'k' });
    expect(first.outcome).toBe('added');
    expect(await queue.enqueue(task, 2, { idempotencyKey: 'k' })).toEqual({
      outcome: 'duplicate',
      id: first.id,
    });
    expect(queue.stats()).toMatchObject({ added: 1, duplicates: 1 });
  });

  it('holds a key for its window', async () => {
    const clock = virtualClock();
    const queue = createQueue('q', { store: memoryStore({ clock }), retention: { completed: 0 } });
    const task = defineTask('t');
    const key = { idempotencyKey: 'k', idempotencyWindow: '1m' } as const;
    const { id } = await queue.enqueue(task, {}, key);
    await queue.store.alter({ ids: [id] }, { kind: 'cancel' }, 1);
    await clock.advance(59_999);
    expect((await queue.enqueue(task, {}, key)).outcome).toBe('duplicate');
    await clock.advance(1);
    expect((await queue.enqueue(task, {}, key)).outcome).toBe('added');
  });

  it('holds a key for ever, long after its task is gone', async () => {
    const clock = virtualClock();
    const queue = createQueue('q', { store: memoryStore({ clock }), retention: { completed: 0 } });
    const task = defineTask('t');
    const key = { idempotencyKey: 'k', idempotencyWindow: 'forever' } as const;
    const { id } = await queue.enqueue(task, {}, key);
    await queue.store.alter({ ids: [id] }, { kind: 'cancel' }, 1);
    await clock.advance(50 * 365 * 86_400_000);
    await queue.store.sweep(100);
    expect(await queue.enqueue(task, {}, key)).toEqual({ outcome: 'duplicate', id });
  });

  it('holds a key only while its task waits, where that was asked for', async () => {
    const store = memoryStore();
    const queue = createQueue('q', { store });
    const task = defineTask('t');
    const key = {
      idempotencyKey: 'k',
      idempotencyWindow: 'waiting',
      onDuplicate: 'replace',
    } as const;
    const { id } = await queue.enqueue(task, 1, key);
    expect(await queue.enqueue(task, 2, key)).toEqual({ outcome: 'replaced', id });
    const claim = { queues: ['q'], limit: 1 };
    await store.exchange({ worker: 'w', settle: [], extend: [], claim, leaseMs: 1_000 });
    expect((await queue.enqueue(task, 3, key)).outcome).toBe('added');
    expect((await queue.enqueue(task, 4, key)).outcome).toBe('replaced');
  });

  it('takes a list by name for the tasks it was given', async () => {
    const queue = createQueue('q', { store: memoryStore(), tasks: [sendEmail] });
    const port: {
      enqueue(tasks: { name: string; payload: unknown }[], options: object): Promise<unknown>;
    } = queue;
    expect(
      await port.enqueue([{ name: 'send-email', payload: { to: 'a@b.co' } }], {}),
    ).toMatchObject([{ outcome: 'added' }]);
    await expect(port.enqueue([{ name: 'toString', payload: {} }], {})).rejects.toThrow(
      "Expected `tasks[0].name` to be one of the queue's tasks (send-email)",
    );
    await expect(port.enqueue([{ name: 'send-email', payload: {} }], {})).rejects.toThrow(
      'items[0].payload.to',
    );
  });

  it('waits for calls under way when it closes, until the deadline', async () => {
    const inner = memoryStore();
    let answer: () => void = () => undefined;
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const store = Object.create(inner, {
      enqueue: {
        value: async (...args: Parameters<typeof inner.enqueue>) => {
          await answered;
          return inner.enqueue(...args);
        },
      },
    });
    const late = createQueue('late', { store });
    const never = late.enqueue(defineTask('t'), {});
    expect(await late.close({ deadline: 1 })).toMatchObject({ drained: false });
    const queue = createQueue('q', { store });
    const adding = queue.enqueue(defineTask('t'), {});
    const closing = queue.close({ deadline: '1h' });
    await expect(queue.enqueue(defineTask('t'), {})).rejects.toMatchObject({
      code: 'QUEUE_CLOSED',
    });
    answer();
    expect(await closing).toMatchObject({ drained: true });
    expect(await adding).toMatchObject({ outcome: 'added' });
    expect(await never).toMatchObject({ outcome: 'added' });
  });

  it('fails once the queue is closed, but leaves the store open', async () => {
    const store = memoryStore();
    const queue = createQueue('q', { store });
    const task = defineTask('t');
    const report = await queue.close({ deadline: '1s' });
    expect(report).toMatchObject({ drained: true });
    expect(await queue.close()).toBe(report);
    const calls = [
      () => queue.enqueue(task, {}),
      () => queue.enqueue([]),
      () => queue.enqueueMany([{ task, payload: 1 }]),
      () => queue.enqueueMany([]),
      () => queue.enqueueFlow([{ task, payload: 1 }]),
      () => queue.enqueueBatch([], { task, payload: 1 }),
      () => queue.children('x'),
      () => queue.schedule('s', task, {}, { every: '1h' }),
      () => queue.unschedule('s'),
      async () => queue.on('task.added', () => undefined),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'QUEUE_CLOSED' });
    expect((await queue.health()).status).toBe('unhealthy');
    expect(await store.stats()).toEqual([]);
  });
});

describe('createQueue', () => {
  it('names the option that is wrong', () => {
    const store = memoryStore();
    const make =
      (options: object): (() => unknown) =>
      () =>
        createQueue('q', { store, ...options });
    expect(() => createQueue('', { store })).toThrow('`name` to be a text of 1 to 200 characters');
    expect(make({ store: {} })).toThrow('`options.store` to be a store');
    expect(make({ retries: 3 })).toThrow('`options.retries` to be absent');
    expect(make({ retry: { attempts: 0 } })).toThrow(
      '`options.retry.attempts` to be an integer from 1 to 1000',
    );
    expect(make({ retry: { jitter: 2 } })).toThrow(
      '`options.retry.jitter` to be a number from 0 to 1',
    );
    expect(make({ retry: { initial: '1 s' } })).toThrow('`options.retry.initial` to be a duration');
    expect(make({ retention: { dead: Number.POSITIVE_INFINITY } })).toThrow(
      '`options.retention.dead`',
    );
    expect(() => defineTask('t', { payload: {} as never })).toThrow(
      '`options.payload` to be a Standard Schema',
    );
  });
});

describe('events', () => {
  it('survive a listener that throws, and stop when told to', async () => {
    const error = vi.fn();
    const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error };
    const queue = createQueue('q', { store: memoryStore(), logger });
    const seen: string[] = [];
    queue.on('task.added', () => {
      throw new QueueError('QUEUE_CLOSED', 'listener');
    });
    const stop = queue.on('task.added', (event) => seen.push(event.subject));
    const { id } = await queue.enqueue(defineTask('t'), {});
    stop();
    await queue.enqueue(defineTask('t'), {});
    expect(seen).toEqual([id]);
    expect(error).toHaveBeenCalledTimes(2);
  });
});
