import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createWorker, handle, handleBatch, type QueueStore } from '../../src/index.js';
import { after, closed, setUp, task } from './support.js';

const plan = fc.record({
  /** How long each task's handler takes; those below zero throw at once, the first time. */
  durations: fc.array(fc.oneof(fc.constant(0), fc.integer({ min: -1, max: 400 })), {
    minLength: 1,
    maxLength: 120,
  }),
  concurrency: fc.integer({ min: 1, max: 8 }),
  batch: fc.boolean(),
  /** What becomes of each exchange in turn. */
  fates: fc.array(fc.constantFrom('ok', 'ok', 'ok', 'unsent', 'unanswered', 'hangs'), {
    maxLength: 40,
  }),
  /** When the first worker pauses, and for how long. */
  pauses: fc.array(fc.tuple(fc.nat(2_000), fc.nat(2_000)), { maxLength: 3 }),
});

/** Lets exchanges fail as planned. */
function fated(fates: readonly string[]) {
  const left = [...fates];
  return (store: QueueStore): QueueStore => {
    const exchange = store.exchange.bind(store);
    store.exchange = async (request) => {
      const fate = left.shift() ?? 'ok';
      if (fate === 'hangs') return new Promise(() => undefined);
      if (fate === 'unsent') throw new Error('not sent');
      const reply = await exchange(request);
      if (fate === 'unanswered') throw new Error('no answer');
      return reply;
    };
    return store;
  };
}

it('every task completes exactly once, within the limits, whatever fails on the way', async () => {
  await fc.assert(
    fc.asyncProperty(plan, async ({ durations, concurrency, batch, fates, pauses }) => {
      let [running, most] = [0, 0];
      const failedOnce = new Set<unknown>();
      const run = async (index: unknown): Promise<unknown> => {
        most = Math.max(most, ++running);
        try {
          const ms = durations[Number(index)] ?? 0;
          if (ms > 0) await after(clock, ms);
          if (ms < 0 && !failedOnce.has(index)) {
            failedOnce.add(index);
            throw new Error('the first time');
          }
          return index;
        } finally {
          running--;
        }
      };
      const handler = batch
        ? handleBatch(task, (items) => Promise.allSettled(items.map((item) => run(item.payload))), {
            size: 5,
          })
        : handle(task, run);
      const setting = await setUp([handler], {
        concurrency,
        lease: '10s',
        retry: { attempts: 60, initial: 10, jitter: 0 },
        wrap: fated(fates),
      });
      const { clock, queue, worker, store, kit } = setting;
      const completed: string[] = [];
      queue.on('task.completed', (event) => completed.push(event.subject));
      const items = durations.map((_, payload) => ({ task, payload }));
      const outcomes = await queue.enqueueMany(items);
      for (const [at, ms] of pauses) {
        await clock.advance(at);
        worker.pause();
        await clock.advance(ms);
        worker.resume();
      }
      await clock.advance(400_000);
      const records = await Promise.all(outcomes.map(({ id }) => kit.get(id)));
      for (const [index, record] of records.entries()) {
        expect(record).toMatchObject({ state: 'completed', result: String(index) });
      }
      expect(new Set(completed).size).toBe(completed.length);
      expect(most).toBeLessThanOrEqual(batch ? concurrency * 5 : concurrency);
      const [stats] = await store.stats(['q']);
      expect(stats?.counts).toMatchObject({ leased: 0, ready: 0, scheduled: 0, dead: 0 });
      expect(await closed(worker, clock)).toMatchObject({ drained: true, abandoned: 0 });
    }),
    { numRuns: 40 },
  );
}, 60_000);

it('two workers share the work of one queue, and nothing is done twice', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(120), { minLength: 1, maxLength: 150 }),
      fc.integer({ min: 1, max: 5 }),
      async (durations, concurrency) => {
        const begun: unknown[] = [];
        const run = async (index: unknown): Promise<void> => {
          begun.push(index);
          const ms = durations[Number(index)] ?? 0;
          if (ms > 0) await after(clock, ms);
        };
        const { clock, queue, worker } = await setUp(run, { concurrency });
        const other = createWorker(queue, [handle(task, run)], { clock, concurrency });
        await other.start();
        await queue.enqueueMany(durations.map((_, payload) => ({ task, payload })));
        await clock.advance(60_000);
        expect(begun.length).toBe(durations.length);
        expect(new Set(begun).size).toBe(durations.length);
        expect(queue.stats()).toMatchObject({ completed: durations.length, lost: 0, failed: 0 });
        await closed(worker, clock);
        await closed(other, clock);
      },
    ),
    { numRuns: 25 },
  );
}, 60_000);
