import { describe, expect, it } from 'vitest';
import { createQueue, defineTask, handle, memoryStore } from '../src/index.js';
import { advance, assertEnqueued, drain, virtualClock } from '../src/testing.js';

const greet = defineTask('greet', { retry: { attempts: 2, initial: '1m', jitter: 0 } });

function setUp() {
  const clock = virtualClock();
  const store = memoryStore({ clock });
  return { clock, store, queue: createQueue('q', { store }) };
}

describe('drain', () => {
  it('runs what is ready, and what that enqueues, and leaves what is not due', async () => {
    const { clock, queue } = setUp();
    const seen: unknown[] = [];
    const handler = handle(greet, async (n) => {
      seen.push(n);
      if (n === 1) await queue.enqueue(greet, 2);
      if (n === 'bad') throw new Error('no');
    });
    for (const payload of [1, 'bad']) await queue.enqueue(greet, payload);
    await queue.enqueue(greet, 'later', { delay: '1h' });
    expect(await drain(queue, [handler], { clock })).toEqual({ completed: 2, failed: 1, dead: 0 });
    expect(seen).toEqual([1, 'bad', 2]);
    await clock.advance(60_000);
    expect(await drain(queue, [handler], { clock })).toEqual({ completed: 0, failed: 0, dead: 1 });
    await clock.advance(3_600_000);
    await drain(queue, [handler], { clock });
    expect(seen.at(-1)).toBe('later');
  });

  it('says how many are left when they do not end', async () => {
    const { queue } = setUp();
    await queue.enqueue(greet, 1);
    const never = handle(greet, () => new Promise(() => undefined));
    await expect(drain(queue, [never], { withinMs: 20 })).rejects.toThrow('1 tasks of queue q are');
  });
});

describe('advance', () => {
  it('fires each run of a schedule at its time', async () => {
    const { clock, store, queue } = setUp();
    await queue.schedule('often', greet, 'hello', { every: '10m' });
    await advance(clock, store, '1h');
    const tasks = await assertEnqueued(queue, greet, { count: 6 });
    expect(tasks.map((task) => task.enqueuedAt.slice(11, 16))).toEqual([
      '00:10',
      '00:20',
      '00:30',
      '00:40',
      '00:50',
      '01:00',
    ]);
    await expect(advance(clock, store, 'soon' as never)).rejects.toThrow('`by` to be a duration');
  });
});

describe('assertEnqueued', () => {
  it('finds tasks by their payload, and lists what is there otherwise', async () => {
    const { queue } = setUp();
    await queue.enqueue(greet, { to: 'ann', tags: ['a'], extra: { n: 1, m: 2 } });
    const [found] = await assertEnqueued(queue, greet, { payload: { extra: { n: 1 } }, count: 1 });
    expect(found?.payload).toMatchObject({ to: 'ann' });
    await assertEnqueued(queue, greet, { payload: { to: 'bob' }, count: 0 });
    await assertEnqueued(queue, greet, { payload: { tags: [] }, count: 0 });
    await expect(assertEnqueued(queue, greet, { payload: { to: 'bob' } })).rejects.toThrow(
      /at least one task 'greet' with payload {"to":"bob"}.*found 0 among 1:\n {2}ready 'greet'/,
    );
    await expect(assertEnqueued(queue, greet, { states: ['dead'] })).rejects.toThrow(', dead in');
  });
});
