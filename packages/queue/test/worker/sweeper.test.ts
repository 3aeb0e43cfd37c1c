import { expect, it } from 'vitest';
import { createQueue, createWorker, defineTask, handle, memoryStore } from '../../src/index.js';
import type { SweepReport } from '../../src/store.js';
import { Kit, virtualClock } from '../../src/testing.js';
import { setUp } from './support.js';

it('drops in one sweep all whose time is over, or they would come faster than they go', async () => {
  const clock = virtualClock();
  const store = memoryStore({ clock });
  const queue = createQueue('idle', { store });
  const advance = (ms: number): Promise<void> => clock.advance(ms);
  const kit = new Kit({ store, advance, close: () => store.close() });
  await store.enqueue(Array.from({ length: 5_000 }, () => kit.task()));
  const claimed = await kit.claim('a', 5_000);
  await kit.settle('a', ...claimed.map((task) => kit.completed(task)));
  await clock.advance(59_999);
  const worker = createWorker(queue, [handle(defineTask('t'), () => undefined)], { clock });
  await worker.start();
  await clock.advance(0);
  expect((await store.stats(['q']))[0]?.counts.completed).toBe(5_000);
  await clock.advance(2_500);
  expect((await store.stats(['q']))[0]?.counts.completed).toBe(0);
  const closing = worker.close({ deadline: 1_000 });
  await clock.advance(1_000);
  await closing;
});

it('ends with the round under way when the worker closes, which waits for it', async () => {
  const warnings: string[] = [];
  let sweeps = 0;
  let answer: (report: SweepReport) => void = () => undefined;
  const silent = (): void => undefined;
  const { clock, worker } = await setUp(() => undefined, {
    logger: {
      debug: silent,
      info: silent,
      error: silent,
      warn: (_, message) => warnings.push(message),
    },
    wrap: (store) => {
      store.sweep = () => {
        sweeps++;
        return new Promise((resolve) => (answer = resolve));
      };
      return store;
    },
  });
  await clock.advance(0);
  let isClosed = false;
  const closing = worker.close().then(() => (isClosed = true));
  await clock.advance(0);
  expect(isClosed).toBe(false);
  answer({ lapsed: 0, died: [], pruned: 1_000 });
  await clock.advance(0);
  expect(isClosed).toBe(true);
  await closing;
  await clock.advance(60_000);
  expect({ sweeps, warnings }).toEqual({ sweeps: 1, warnings: [] });
});
