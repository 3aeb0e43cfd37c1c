import { describe, expect, it } from 'vitest';
import {
  type ClaimedTask,
  type ExchangeRequest,
  handleBatch,
  type NewTask,
  type QueueStore,
} from '../../src/index.js';
import { after, closed, setUp, task } from './support.js';

/** Hands tasks over to a parked worker, on top of a store that does not, one call after the other. */
class HandingOver {
  readonly requests: ExchangeRequest[] = [];
  /** What is handed over gets lost on the way, and comes with the next reply. */
  lose = false;
  /** What is handed over comes with the next reply, too. */
  twice = false;
  #take: ((claimed: readonly ClaimedTask[]) => void) | undefined;
  #parked: ExchangeRequest | undefined;
  #lost: readonly ClaimedTask[] = [];
  #before: Promise<unknown> = Promise.resolve();

  /** For how many tasks the worker is parked. */
  get spots(): number {
    return this.#parked?.claim.limit ?? 0;
  }

  readonly wrap = (store: QueueStore): QueueStore => {
    const features = [...(store.traits.features ?? []), 'handover' as const];
    const exchange = store.exchange.bind(store);
    const enqueue = store.enqueue.bind(store);
    return Object.assign(store, {
      traits: { ...store.traits, features },
      onWake: async () => ({ [Symbol.asyncDispose]: async () => undefined }),
      onHandover: async (_: string, take: (claimed: readonly ClaimedTask[]) => void) => {
        this.#take = take;
        return { [Symbol.asyncDispose]: async () => undefined };
      },
      exchange: (request: ExchangeRequest) =>
        this.#inTurn(async () => {
          this.requests.push(request);
          const reply = await exchange(request);
          this.#park(request, reply.claimed.length);
          const claimed = [...this.#lost, ...reply.claimed];
          this.#lost = [];
          return { ...reply, claimed };
        }),
      enqueue: (tasks: readonly NewTask[]) =>
        this.#inTurn(async () => {
          const outcomes = await enqueue(tasks);
          if (this.#parked !== undefined) await this.#handOver(this.#parked, exchange);
          return outcomes;
        }),
    });
  };

  async #handOver(parked: ExchangeRequest, exchange: QueueStore['exchange']): Promise<void> {
    const { claimed } = await exchange({ ...parked, settle: [], extend: [] });
    this.#park(parked, claimed.length);
    if (this.lose || this.twice) this.#lost = claimed;
    if (!this.lose) this.#take?.(claimed);
  }

  #park(request: ExchangeRequest, claimed: number): void {
    const limit = request.claim.limit - claimed;
    const parks = request.claim.park === true && limit > 0;
    this.#parked = parks ? { ...request, claim: { ...request.claim, limit } } : undefined;
  }

  #inTurn<T>(fn: () => Promise<T>): Promise<T> {
    const next = this.#before.then(fn);
    this.#before = next.catch(() => undefined);
    return next;
  }
}

describe('a worker that waits at its queues', () => {
  it('runs what is handed over to it without asking, as many at once as it has slots', async () => {
    const over = new HandingOver();
    const { clock, queue, worker, kit } = await setUp(() => after(clock, 100), {
      wrap: over.wrap,
      concurrency: 2,
    });
    await clock.advance(0);
    expect(over.requests.at(-1)?.claim).toEqual({ queues: ['q'], limit: 2, park: true });
    const asked = over.requests.length;
    const ids = (await queue.enqueueMany([1, 2, 3].map((payload) => ({ task, payload })))).map(
      ({ id }) => id,
    );
    expect(worker.stats()).toMatchObject({ running: 2, waiting: 0 });
    expect(over.requests.length).toBe(asked);
    expect(await kit.get(ids[2] ?? '')).toMatchObject({ state: 'ready' });
    await clock.advance(250);
    expect(queue.stats()).toMatchObject({ completed: 3, started: 3, released: 0 });
    expect(over.spots).toBe(2);
    await closed(worker, clock);
  });

  it('has as many spots as slots are free', async () => {
    const over = new HandingOver();
    const { clock, queue, worker } = await setUp((ms) => after(clock, ms as number), {
      wrap: over.wrap,
      concurrency: 3,
    });
    await clock.advance(0);
    await queue.enqueue(task, 5_000);
    await queue.enqueue(task, 100);
    await clock.advance(100);
    expect(over.spots).toBe(2);
    await clock.advance(5_000);
    expect(over.spots).toBe(3);
    await closed(worker, clock);
  });

  it('takes with the next reply what was not handed over, and nothing twice', async () => {
    const over = new HandingOver();
    const { clock, queue, worker, kit } = await setUp(() => after(clock, 3_000), {
      wrap: over.wrap,
    });
    await clock.advance(0);
    over.lose = true;
    const { id } = await queue.enqueue(task, 1);
    expect(worker.stats().running).toBe(0);
    await clock.advance(2_500);
    expect(worker.stats().running).toBe(1);
    over.lose = false;
    over.twice = true;
    await queue.enqueue(task, 2);
    expect(worker.stats().running).toBe(2);
    await clock.advance(10_000);
    expect(await kit.get(id)).toMatchObject({ state: 'completed', epoch: 1 });
    expect(queue.stats()).toMatchObject({ started: 2, completed: 2, lost: 0 });
    await closed(worker, clock);
  });

  it('leaves them when it pauses or closes, and hands back what comes on the way', async () => {
    const over = new HandingOver();
    const { clock, queue, worker, kit } = await setUp(() => 'done', { wrap: over.wrap });
    await clock.advance(0);
    expect(over.spots).toBe(10);
    worker.pause();
    over.lose = true;
    const { id } = await queue.enqueue(task, 1);
    expect(await kit.get(id)).toMatchObject({ state: 'leased' });
    await clock.advance(0);
    expect(over.spots).toBe(0);
    expect(await kit.get(id)).toMatchObject({ state: 'ready', attempts: 0 });
    over.lose = false;
    worker.resume();
    await clock.advance(0);
    expect(await kit.get(id)).toMatchObject({ state: 'completed', attempts: 1 });
    expect(over.spots).toBe(10);
    const closing = worker.close();
    await queue.enqueue(task, 2);
    for (let i = 0; i < 5; i++) await clock.advance(10);
    expect(await closing).toMatchObject({ drained: true, unsettled: 0 });
    expect(over.requests.at(-1)?.claim).toEqual({ queues: [], limit: 0 });
    expect((await queue.store.stats(['q']))[0]?.counts).toMatchObject({ ready: 1, leased: 0 });
  });

  it('does not wait there while the store has plenty: it asks for more than it has slots', async () => {
    const over = new HandingOver();
    const { clock, queue, worker } = await setUp(() => undefined, {
      wrap: over.wrap,
      start: false,
    });
    await queue.enqueueMany(Array.from({ length: 1_000 }, (_, payload) => ({ task, payload })));
    await worker.start();
    for (let i = 0; i < 30; i++) await clock.advance(0);
    expect(queue.stats()).toMatchObject({ completed: 1_000 });
    expect(over.requests.filter(({ claim }) => claim.limit > 10 && claim.park)).toEqual([]);
    expect(over.requests.some(({ claim }) => claim.limit > 10)).toBe(true);
    expect(over.spots).toBe(10);
    await closed(worker, clock);
  });

  it('extends the lease in time of what comes before the answer to its first exchange, whatever the clocks say', async () => {
    const aheadMs = 60_000;
    let take: ((claimed: readonly ClaimedTask[]) => void) | undefined;
    const early = (store: QueueStore): QueueStore => {
      const features = [...(store.traits.features ?? []), 'handover' as const];
      const exchange = store.exchange.bind(store);
      return Object.assign(store, {
        traits: { ...store.traits, features },
        onHandover: async (_: string, hear: (claimed: readonly ClaimedTask[]) => void) => {
          take = hear;
          return { [Symbol.asyncDispose]: async () => undefined };
        },
        exchange: async (request: ExchangeRequest) => {
          const reply = await exchange(request);
          if (request.claim.park === true && take !== undefined) {
            const hear = take;
            take = undefined;
            await queue.enqueue(task, 1);
            const { claimed } = await exchange({ ...request, settle: [], extend: [] });
            hear(claimed.map((one) => ({ ...one, runAt: one.runAt + aheadMs })));
          }
          return { ...reply, now: reply.now + aheadMs };
        },
      });
    };
    const { clock, queue, worker } = await setUp(() => after(clock, 25_000), {
      wrap: early,
      start: false,
    });
    await worker.start();
    await clock.advance(30_000);
    expect(queue.stats()).toMatchObject({ started: 1, completed: 1, lost: 0 });
    await closed(worker, clock);
  });

  it('asks again where another exchange overtook the one that it waits by', async () => {
    const over = new HandingOver();
    let isLate = false;
    let arrive: () => void = () => undefined;
    const late = new Promise<void>((resolve) => (arrive = resolve));
    const { clock, queue, worker } = await setUp(() => after(clock, 30_000), {
      wrap: (store) => {
        const { exchange } = over.wrap(store);
        store.exchange = async (request) => {
          if (isLate && request.claim.park === true) await late;
          return exchange(request);
        };
        return store;
      },
    });
    await clock.advance(0);
    await queue.enqueue(task, 1);
    expect(worker.stats().running).toBe(1);
    isLate = true;
    await clock.advance(8_000);
    const asked = over.requests.length;
    expect(over.requests.at(-1)?.claim.park).toBe(undefined);
    arrive();
    for (let i = 0; i < 5; i++) await clock.advance(0);
    expect(over.requests.slice(asked).map(({ claim }) => claim.park)).toEqual([true, true]);
    await closed(worker, clock);
  });

  it('is none with batch handlers, whose batches would be small', async () => {
    const over = new HandingOver();
    const { clock, worker } = await setUp([handleBatch(task, () => undefined)], {
      wrap: over.wrap,
    });
    await clock.advance(5_000);
    expect(over.requests.length).toBeGreaterThan(0);
    expect(over.requests.filter(({ claim }) => claim.park)).toEqual([]);
    await closed(worker, clock);
  });
});
