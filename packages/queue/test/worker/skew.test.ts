import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Clock,
  createQueue,
  createWorker,
  defineTask,
  handle,
  systemClock,
  type TaskRecord,
  type Worker,
} from '../../src/index.js';
import { Kit } from '../../src/testing.js';
import { type OpenStore, testedStores } from './stores.js';
import { until } from './support.js';

const SKEW_MS = 600_000;
const LEASE_MS = 1_000;
const task = defineTask<{ kind: 'quick' | 'long' | 'failing' }>('t');
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const skewed = (ms: number): Clock => ({ ...systemClock, now: () => Date.now() + ms });

/** Two workers, ten minutes before and after the time of the store, whose clock alone counts. */
describe.each(testedStores.filter(({ available }) => available))(
  'workers on $name whose clocks are wrong',
  (tested) => {
    let opened: OpenStore;
    let workers: Worker[] = [];
    beforeAll(async () => {
      opened = await tested.open();
      await opened.store.migrate();
    });
    afterAll(async () => {
      await Promise.all(workers.map((worker) => worker.close({ deadline: '1s' })));
      await opened?.close();
    });

    it('start nothing early or never, keep their leases, and take none before it is over', async () => {
      const { store } = opened;
      const retry = { attempts: 3, initial: 300, jitter: 0 };
      const queue = createQueue('q', { store, retry });
      const find = (ids: readonly string[]): Promise<TaskRecord[]> =>
        store.find({ ids }, { order: 'oldest', limit: ids.length });
      const kit = new Kit({ store, advance: pause, close: async () => undefined });
      const crashed = await kit.add({ payload: '{"kind":"quick"}' });
      const claim = { queues: ['q'], limit: 1 };
      const { now } = await store.exchange({
        ...{ worker: 'crashed', settle: [], extend: [], claim, leaseMs: LEASE_MS },
      });

      const delayed = await Promise.all(
        [0, 200, 400, 600].map((delay) => queue.enqueue(task, { kind: 'quick' }, { delay })),
      );
      const long = await queue.enqueue(task, { kind: 'long' });
      const failing = await queue.enqueue(task, { kind: 'failing' });
      const ids = [crashed, long.id, failing.id, ...delayed.map(({ id }) => id)];
      const handler = handle(task, async ({ kind }, { attempt }) => {
        if (kind === 'long') await pause(2.5 * LEASE_MS);
        if (kind === 'failing' && attempt === 1) throw new Error('once');
      });
      workers = [SKEW_MS, -SKEW_MS].map((ms) =>
        createWorker(queue, [handler], {
          clock: skewed(ms),
          lease: LEASE_MS,
          concurrency: 3,
          // What they do not wake for by themselves comes too late for this test.
          pollInterval: '10m',
          sweepInterval: '200ms',
        }),
      );
      await Promise.all(workers.map((worker) => worker.start()));
      await until(async () => (await find(ids)).every(({ state }) => state === 'completed'));

      for (const { id, runAt, startedAt } of await find(ids))
        expect([id, (startedAt ?? 0) >= runAt]).toEqual([id, true]);
      expect(await find([long.id])).toMatchObject([{ epoch: 1, history: [] }]);
      const [failed] = await find([failing.id]);
      expect(failed?.attempts).toBe(2);
      const [lapsed] = await find([crashed]);
      expect(lapsed?.history.map(({ kind }) => kind)).toEqual(['lapsed']);
      expect(lapsed?.history[0]?.at).toBeGreaterThanOrEqual(now + LEASE_MS);
    });
  },
);
