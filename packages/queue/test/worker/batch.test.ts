import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type BatchItem, defineTask, handle, handleBatch } from '../../src/index.js';
import { after, closed, setUp, task } from './support.js';

const many = (count: number) => Array.from({ length: count }, (_, payload) => ({ task, payload }));

describe('a batch handler', () => {
  it('gets many tasks a call, never more than its size, in their order', async () => {
    const calls: number[][] = [];
    const { clock, queue, worker } = await setUp(
      [
        handleBatch(task, (items) => void calls.push(items.map((item) => Number(item.payload))), {
          size: 30,
        }),
      ],
      { concurrency: 2 },
    );
    await queue.enqueueMany(many(100));
    await clock.advance(0);
    await clock.advance(0);
    expect(calls.flat()).toEqual(Array.from({ length: 100 }, (_, n) => n));
    expect(Math.max(...calls.map((call) => call.length))).toBe(30);
    expect(calls.length).toBeLessThan(12);
    expect(queue.stats()).toMatchObject({ started: 100, completed: 100 });
    await closed(worker, clock);
  });

  it('settles each task by its own result', async () => {
    const { clock, queue, worker, kit } = await setUp(
      [
        handleBatch(task, (items) =>
          Promise.allSettled(
            items.map(async ({ payload }) => {
              if (payload === 1) throw new TypeError('no good');
              return Number(payload) * 2;
            }),
          ),
        ),
      ],
      { retry: { attempts: 1 } },
    );
    const outcomes = await queue.enqueueMany(many(3));
    await clock.advance(0);
    const records = await Promise.all(outcomes.map(({ id }) => kit.get(id)));
    expect(records).toMatchObject([
      { state: 'completed', result: '0' },
      { state: 'dead', history: [{ name: 'TypeError', message: 'no good' }] },
      { state: 'completed', result: '4' },
    ]);
    await closed(worker, clock);
  });

  it('fails every task of a call that throws or returns what nobody can deal out', async () => {
    const thrown: Record<string, unknown> = { throw: 'text' };
    const wrong: unknown[] = [[], 'text', [{ status: 'maybe' }], [null]];
    const { clock, queue, worker, kit } = await setUp(
      [
        handleBatch(
          task,
          ([item]) => {
            const { payload } = item as BatchItem<unknown>;
            if (typeof payload === 'string') throw thrown[payload];
            return wrong[Number(payload)] as never;
          },
          { size: 1 },
        ),
      ],
      { retry: { attempts: 1 } },
    );
    const outcomes = await queue.enqueueMany([...many(wrong.length), { task, payload: 'throw' }]);
    await clock.advance(0);
    for (const { id } of outcomes) expect(await kit.get(id)).toMatchObject({ state: 'dead' });
    await closed(worker, clock);
  });

  it('runs without the tasks whose payload does not fit, and each has its own signal', async () => {
    const checked = defineTask('checked', { payload: z.object({ n: z.number() }) });
    const seen: unknown[] = [];
    const aborted: boolean[] = [];
    const { clock, queue, worker, kit } = await setUp(
      [
        handleBatch(checked, async (items) => {
          seen.push(...items.map((item) => item.payload));
          const [first] = items;
          await new Promise((resolve) =>
            first?.context.signal.addEventListener('abort', () => resolve(undefined)),
          );
          aborted.push(...items.map((item) => item.context.signal.aborted));
        }),
      ],
      { retry: { attempts: 1 }, timeout: '5s' },
    );
    const good = [await kit.add({ name: 'checked', payload: '{"n":1}', maxAttempts: 1 })];
    const bad = await kit.add({ name: 'checked', payload: '{"n":"x"}' });
    good.push(await kit.add({ name: 'checked', payload: '{"n":2}', maxAttempts: 1 }));
    await clock.advance(4_999);
    expect(seen).toEqual([{ n: 1 }, { n: 2 }]);
    expect(await kit.get(bad)).toMatchObject({ state: 'dead', history: [{ kind: 'invalid' }] });
    await clock.advance(1);
    expect(aborted[0]).toBe(true);
    for (const id of good)
      expect(await kit.get(id)).toMatchObject({ state: 'dead', history: [{ kind: 'timeout' }] });
    expect(queue.stats()).toMatchObject({ started: 3 });
    await closed(worker, clock);
  });

  it('lives beside handlers of single tasks', async () => {
    const single = defineTask('single');
    const { clock, queue, worker } = await setUp(
      [handleBatch(task, () => undefined, { size: 10 }), handle(single, () => undefined)],
      { concurrency: 2 },
    );
    const mixed = Array.from({ length: 60 }, (_, n) => ({
      task: n % 3 === 0 ? single : task,
      payload: n,
    }));
    await queue.enqueueMany(mixed);
    await clock.advance(0);
    await clock.advance(0);
    expect(queue.stats()).toMatchObject({ started: 60, completed: 60 });
    await closed(worker, clock);
  });

  it('leaves slow single tasks in the store, where another worker can have them', async () => {
    const slow = defineTask('slow');
    const sizes: number[] = [];
    const { clock, queue, worker } = await setUp(
      [
        handleBatch(task, (items) => void sizes.push(items.length), { size: 50 }),
        handle(slow, () => after(clock, 1_000)),
      ],
      { concurrency: 2 },
    );
    await queue.enqueueMany(Array.from({ length: 100 }, (_, n) => ({ task: slow, payload: n })));
    for (let ms = 0; ms < 10_000; ms += 100) {
      await clock.advance(100);
      expect(worker.stats().waiting).toBe(0);
    }
    expect(queue.stats()).toMatchObject({ released: 0 });
    await clock.advance(45_000);
    await queue.enqueueMany(Array.from({ length: 1_000 }, (_, n) => ({ task, payload: n })));
    await clock.advance(1_000);
    expect(queue.stats()).toMatchObject({ completed: 1_100, released: 0 });
    expect(Math.max(...sizes)).toBe(50);
    await closed(worker, clock);
  });

  it('is refused with a size that makes no sense', () => {
    expect(() => handleBatch(task, () => undefined, { size: 0 })).toThrow('`options.size`');
    expect(() => handleBatch(task, 5 as never)).toThrow('`handler` to be a function');
  });
});
