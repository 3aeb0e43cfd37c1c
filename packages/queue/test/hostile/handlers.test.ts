import { describe, expect, it } from 'vitest';
import * as api from '../../src/index.js';
import { drain, virtualClock } from '../../src/testing.js';
import { circular, refusal } from './values.js';

const YEARS_MS = 100 * 365 * 86_400_000;
const UNREADABLE = new Proxy(
  {},
  {
    get: () => {
      throw new Error('the trap');
    },
    has: () => {
      throw new Error('the trap');
    },
  },
);
/** What a policy may answer that is no decision. */
const DECISIONS: readonly unknown[] = [
  ...[null, 5, 'nope', true, 10n, Symbol('s'), () => 'dead', [], {}, circular(), UNREADABLE],
  ...[{ after: -1 }, { after: Number.NaN }, { after: '1 s' }, { after: null }, { after: {} }],
  ...[{ after: 1e300 }, { after: Number.POSITIVE_INFINITY }, { after: `${'9'.repeat(400)}d` }],
  ...[{ at: 5 }, { at: 'soon' }, { at: null }, { at: new Date(Number.NaN) }, { at: new Date(-1) }],
  ...[{ at: new Date(8.64e15) }, Promise.resolve('dead')],
];
/** What a handler may throw. */
const THROWN: readonly unknown[] = [
  ...[undefined, null, 0, '', 'text', 10n, Symbol('s'), () => 1, {}, [], circular(), UNREADABLE],
  ...[Object.create(null), new Error('a\0b \ud800'), new Error('x'.repeat(3_000_000))],
  Object.assign(new Error('x'), { stack: 5, message: { a: 1 }, name: null, code: circular() }),
  Object.assign(new Error('x'), { cause: UNREADABLE }),
  Object.assign(Object.create(api.RetryAt.prototype), { name: 'RetryAt', when: 'never' }),
  Object.assign(new api.RetryAt(5), { when: UNREADABLE }),
];

const setUp = (retry: api.RetryPolicy = {}) => {
  const clock = virtualClock();
  const store = api.memoryStore({ clock });
  return { clock, store, queue: api.createQueue('q', { store, retry }) };
};

/** Every task, with how its first attempt ended. */
async function records(store: api.QueueStore): Promise<api.TaskRecord[]> {
  return store.find({}, { order: 'oldest', limit: 1_000 });
}

describe('what handlers and policies do', () => {
  const task = api.defineTask('t');

  it('a decision that is none leaves it to the backoff', async () => {
    const { clock, store, queue } = setUp({
      initial: 1_000,
      jitter: 0,
      decide: (error) => DECISIONS[Number(Object(error).message)] as api.RetryDecision,
    });
    await queue.enqueueMany(DECISIONS.map((_, index) => ({ task, payload: index })));
    const handler = api.handle(task, (index) => {
      throw new Error(String(index));
    });
    const { failed, dead } = await drain(queue, [handler], { clock });
    expect({ failed, dead }).toEqual({ failed: DECISIONS.length, dead: 0 });
    for (const { payload, runAt, state } of await records(store)) {
      expect([payload, state, runAt - clock.now()]).toEqual([payload, 'scheduled', 1_000]);
    }
  });

  it('whatever is thrown is an entry of the history that every store can keep', async () => {
    const { store, queue } = setUp({ attempts: 1 });
    await queue.enqueueMany(THROWN.map((_, index) => ({ task, payload: index })));
    const handler = api.handle(task, (index) => {
      throw THROWN[Number(index)];
    });
    expect((await drain(queue, [handler])).dead).toBe(THROWN.length);
    for (const { payload, history } of await records(store)) {
      const [entry] = history;
      expect([payload, entry?.kind, typeof entry?.message]).toEqual([payload, 'error', 'string']);
      const text = JSON.stringify(entry);
      expect(text.length).toBeLessThan(100_000);
      expect(JSON.parse(text)).toEqual(entry);
    }
  });

  it('progress that no store can hold is refused, and the task goes on', async () => {
    const { store, queue } = setUp();
    await queue.enqueue(task, 1);
    const handler = api.handle(task, async (_, { progress, completeIn }) => {
      for (const value of [10n, circular(), Symbol('s'), () => 1, 'x'.repeat(2 ** 20)]) {
        expect((await refusal(() => progress(value), 'progress')).code).toBe('QUEUE_INPUT_INVALID');
      }
      await expect(completeIn({})).rejects.toMatchObject({ code: 'QUEUE_UNSUPPORTED' });
      return 'done';
    });
    await drain(queue, [handler]);
    expect(await records(store)).toMatchObject([{ state: 'completed', result: '"done"' }]);
  });

  it('results of a batch that are none fail the tasks they stand for, and no other', async () => {
    const results: readonly unknown[] = [
      ...[null, 5, 'fulfilled', {}, { status: 'other' }, { status: 'fulfilled', value: 10n }],
      ...[circular(), UNREADABLE, { status: 'rejected' }, { status: 'fulfilled', value: 'good' }],
    ];
    const { store, queue } = setUp({ attempts: 1 });
    await queue.enqueueMany(results.map((_, index) => ({ task, payload: index })));
    const handler = api.handleBatch(
      task,
      (items) => items.map(({ payload }) => results[Number(payload)]) as never,
    );
    const { completed, dead } = await drain(queue, [handler]);
    expect({ completed, dead }).toEqual({ completed: 1, dead: results.length - 1 });
    for (const answer of [null, 5, 'text', {}, [], new Array(3), circular()]) {
      await queue.enqueueMany([
        { task, payload: 1 },
        { task, payload: 2 },
      ]);
      const report = await drain(queue, [api.handleBatch(task, () => answer as never)]);
      expect(report).toMatchObject({ completed: 0, dead: 2 });
    }
    expect((await records(store)).filter(({ state }) => state === 'completed')).toHaveLength(1);
  });

  it('waits and dates that no store can hold are refused where they are made', () => {
    for (const when of [YEARS_MS + 1, Number.NaN, new Date(8.64e15), new Date(-1)]) {
      expect(() => new api.RetryAt(when)).toThrow('`when`');
    }
    expect(new api.RetryAt(YEARS_MS).when).toBe(YEARS_MS);
  });
});
