import type { ClaimedTask, NewTask } from '../store.js';
import type { Check } from './checks.js';
import type { Kit } from './kit.js';

const ARRIVAL_MS = 3_000;

/** A worker that is parked at the queue `q`, and what it was handed. */
class Parked<Tx> implements AsyncDisposable {
  readonly name: string;
  readonly taken: ClaimedTask[] = [];
  readonly #kit: Kit<Tx>;
  #listening: AsyncDisposable | undefined;

  constructor(kit: Kit<Tx>, name: string) {
    this.#kit = kit;
    this.name = name;
  }

  /** Listens, and parks for `limit` tasks. */
  async open(limit: number): Promise<void> {
    this.#listening = await this.#kit.store.onHandover?.(this.name, (claimed) => {
      this.taken.push(...claimed);
    });
    await this.park(limit);
  }

  /** Asks for tasks. What came with the reply. */
  async park(limit: number): Promise<readonly ClaimedTask[]> {
    return (await this.#kit.exchange(this.name, { claim: limit, park: true })).claimed;
  }

  /** Waits until so many tasks were handed over; more, or none in time, show in `taken`. */
  async until(count: number): Promise<readonly ClaimedTask[]> {
    const end = Date.now() + ARRIVAL_MS;
    while (this.taken.length < count && Date.now() < end)
      await new Promise((resolve) => setTimeout(resolve, 5));
    return this.taken;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listening?.[Symbol.asyncDispose]();
  }
}

/** Runs a test with a worker that is parked for `limit` tasks. */
async function withParked<Tx>(
  kit: Kit<Tx>,
  limit: number,
  test: (parked: Parked<Tx>) => Promise<void>,
): Promise<void> {
  const parked = new Parked(kit, 'a');
  try {
    await parked.open(limit);
    await test(parked);
  } finally {
    await parked[Symbol.asyncDispose]();
  }
}

const idsOf = (claimed: readonly ClaimedTask[]): string[] => claimed.map(({ id }) => id);

/** How tasks reach a worker that waits for them. */
export const handoverChecks: readonly Check[] = [
  {
    title: 'leases a task to a parked worker as soon as it is enqueued',
    needs: 'handover',
    async run(kit, expect) {
      await withParked(kit, 1, async (a) => {
        const id = await kit.add({ payload: '{"n":1}', headers: { h: 'x' }, priority: 3 });
        const [task] = await a.until(1);
        expect(task).toMatchObject({ id, epoch: 1, attempt: 1, queue: 'q', name: 't' });
        expect(task).toMatchObject({ payload: '{"n":1}', headers: { h: 'x' }, priority: 3 });
        expect(await kit.get(id)).toMatchObject({ state: 'leased', attempts: 1, worker: 'a' });
        expect(await kit.claim('b', 5)).toEqual([]);
        expect(await kit.settle('b', kit.completed({ id, epoch: 1 }))).toEqual(['stale']);
        expect(await kit.settle('a', kit.completed({ id, epoch: 1 }, '7'))).toEqual(['ok']);
        expect(await kit.get(id)).toMatchObject({ state: 'completed', result: '7' });
      });
    },
  },
  {
    title: 'hands over no more than the worker is parked for, and each of them once',
    needs: 'handover',
    async run(kit, expect) {
      await kit.add();
      await withParked(kit, 3, async (a) => {
        const ids: string[] = [];
        for (let i = 0; i < 4; i++) ids.push(await kit.add());
        expect(idsOf(await a.until(2))).toEqual(ids.slice(0, 2));
        const more = await a.park(1);
        expect(idsOf(more)).toEqual(ids.slice(2, 3));
        expect((await kit.exchange('a')).claimed).toEqual([]);
        expect(idsOf(await kit.claim('b', 9))).toEqual(ids.slice(3));
        expect(a.taken.length).toBe(2);
      });
    },
  },
  {
    title: 'hands nothing over after the next exchange of the worker, unless it parks again',
    needs: 'handover',
    async run(kit, expect) {
      await withParked(kit, 5, async (a) => {
        await kit.exchange('a');
        const id = await kit.add();
        expect(await kit.stateOf(id)).toBe('ready');
        expect(idsOf(await kit.claim('b'))).toEqual([id]);
        await a.park(5);
        const next = await kit.add();
        expect(idsOf(await a.until(1))).toEqual([next]);
      });
    },
  },
  {
    title: 'hands nothing over to a worker that was not heard of for the length of a lease',
    needs: 'handover',
    async run(kit, expect) {
      await withParked(kit, 5, async (a) => {
        await kit.harness.advance(10_001);
        const id = await kit.add();
        expect(await kit.stateOf(id)).toBe('ready');
        expect(idsOf(await kit.claim('b'))).toEqual([id]);
        expect(a.taken).toEqual([]);
      });
    },
  },
  {
    title: 'hands over only what could be claimed at once',
    needs: 'handover',
    async run(kit, expect) {
      await withParked(kit, 5, async (a) => {
        const kept: Partial<NewTask>[] = [{ when: { delayMs: 60_000 } }, { queue: 'other' }];
        const waiting = await Promise.all(kept.map((part) => kit.add(part)));
        await kit.store.control('q', { paused: true });
        waiting.push(await kit.add());
        for (const id of waiting) expect((await kit.get(id))?.worker).toBe(null);
        await kit.store.control('q', { paused: false });
        expect(idsOf([...a.taken, ...(await a.park(5))])).toEqual(waiting.slice(2));
      });
    },
  },
  {
    title: 'hands nothing over before what is ready',
    needs: 'handover',
    async run(kit, expect) {
      await withParked(kit, 2, async (a) => {
        const first = await kit.addAll({ priority: 1 }, {}, {}, {});
        const last = await kit.add();
        const page = { order: 'oldest' as const, limit: 9 };
        const leased = await kit.store.find({ queue: 'q', states: ['leased'] }, page);
        const held = leased.map(({ id }) => id);
        expect(held).toEqual(first.slice(0, held.length));
        expect(idsOf(await kit.claim('b', 9))).toEqual([...first.slice(held.length), last]);
        expect(idsOf(await a.until(held.length))).toEqual(held);
      });
    },
  },
  {
    title: 'lets a lease that was handed over run out like any other',
    needs: 'handover',
    async run(kit, expect) {
      await withParked(kit, 1, async (a) => {
        const id = await kit.add();
        await a.until(1);
        await kit.lapse();
        expect(await kit.claimOne('b')).toMatchObject({ id, epoch: 2, attempt: 2 });
        expect(await kit.settle('a', kit.completed({ id, epoch: 1 }))).toEqual(['stale']);
      });
    },
  },
];
