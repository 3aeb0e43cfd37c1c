import { describe, expect, it } from 'vitest';
import {
  type ExchangeReply,
  type ExchangeRequest,
  type QueueStore,
  RetryAt,
} from '../../src/index.js';
import { after, closed, setUp, task } from './support.js';

/** A store whose exchanges go through `via`. */
function through(
  via: (
    request: ExchangeRequest,
    exchange: (request: ExchangeRequest) => Promise<ExchangeReply>,
  ) => Promise<ExchangeReply>,
) {
  return (store: QueueStore): QueueStore => {
    const exchange = store.exchange.bind(store);
    store.exchange = (request) => via(request, exchange);
    return store;
  };
}

const gone = { text: 'gone' };
const never = (): Promise<never> => new Promise(() => undefined);

describe('an exchange that never answers', () => {
  it('is given up, what it carried is sent again, and the worker goes on', async () => {
    let hang = 2;
    const { clock, queue, worker, state } = await setUp(() => 'done', {
      wrap: through(async (request, exchange) => {
        if (request.settle.length === 0 || hang-- <= 0) return exchange(request);
        if (hang === 0) await exchange(request);
        return never();
      }),
    });
    const { id } = await queue.enqueue(task, {});
    await clock.advance(40_000);
    expect(await state(id)).toBe('completed');
    expect(queue.stats()).toMatchObject({ started: 1, lost: 0 });
    expect(await worker.health()).toMatchObject({ status: 'healthy' });
    await closed(worker, clock);
  });

  it('holds back no outcome of a task that ends meanwhile', async () => {
    let hang = 0;
    const { clock, queue, worker, state } = await setUp((ms) => after(clock, Number(ms)), {
      wrap: through((request, exchange) => (hang-- > 0 ? never() : exchange(request))),
    });
    const { id } = await queue.enqueue(task, 1_000);
    await clock.advance(500);
    hang = 1;
    await queue.enqueue(task, 0);
    await clock.advance(4_000);
    expect(hang).toBeLessThan(0);
    expect(await state(id)).toBe('completed');
    await closed(worker, clock);
  });

  it('costs no task its lease, nor does another one after it, whenever that is', async () => {
    for (let phase = 0; phase < 7_000; phase += 250) {
      let hang = 0;
      const { clock, queue, worker, state, store } = await setUp(() => after(clock, 30_000), {
        wrap: through((request, exchange) => (hang-- > 0 ? never() : exchange(request))),
      });
      const { id } = await queue.enqueue(task, {});
      await clock.advance(phase);
      hang = 2;
      await queue.enqueue(task, {});
      for (let ms = phase; ms < 29_500; ms += 250) {
        await clock.advance(250);
        await store.sweep(10);
        expect(await state(id)).toBe('leased');
      }
      expect(hang).toBeLessThan(0);
      await closed(worker, clock);
    }
  });

  it('costs no task its lease where the store extends but can neither settle nor claim', async () => {
    let isLocked = false;
    let unlock: () => void = () => undefined;
    const lock = new Promise<void>((resolve) => (unlock = resolve));
    const { clock, queue, worker, state, store } = await setUp((ms) => after(clock, Number(ms)), {
      concurrency: 20,
      wrap: through(async (request, exchange) => {
        if (isLocked && (request.settle.length > 0 || request.claim.limit > 0)) await lock;
        return exchange(request);
      }),
    });
    const { id } = await queue.enqueue(task, 60_000);
    const short = await queue.enqueueMany(
      Array.from({ length: 10 }, (_, n) => ({ task, payload: 2_500 * n })),
    );
    await clock.advance(500);
    isLocked = true;
    for (let ms = 500; ms < 40_000; ms += 250) {
      await clock.advance(250);
      await queue.enqueue(task, 0);
      await store.sweep(10);
      expect(await state(id)).toBe('leased');
    }
    isLocked = false;
    unlock();
    await clock.advance(60_000);
    for (const each of short) expect(await state(each.id)).toBe('completed');
    await closed(worker, clock);
  });

  it('is not followed by ever more of them while the store hangs', async () => {
    let sent = 0;
    const { clock, queue, worker } = await setUp(() => after(clock, 60_000), {
      lease: '1s',
      wrap: through((request, exchange) => {
        if (request.extend.length === 0 && sent === 0) return exchange(request);
        sent++;
        return never();
      }),
    });
    await queue.enqueue(task, {});
    await clock.advance(334);
    for (let ms = 0; ms < 4_900; ms += 100) {
      await queue.enqueue(task, {});
      await clock.advance(100);
    }
    expect(sent).toBeGreaterThan(1);
    expect(sent).toBeLessThanOrEqual(5);
    await closed(worker, clock);
  });

  it('hands back what it claimed when the answer comes after all', async () => {
    let answer: () => void = () => undefined;
    let first = true;
    const { clock, queue, worker, kit } = await setUp(() => 'done', {
      wrap: through(async (request, exchange) => {
        const reply = await exchange(request);
        if (first && reply.claimed.length > 0) {
          first = false;
          await new Promise<void>((resolve) => (answer = resolve));
        }
        return reply;
      }),
    });
    const { id } = await queue.enqueue(task, {});
    await clock.advance(8_000);
    expect(await kit.get(id)).toMatchObject({ state: 'leased', epoch: 1 });
    answer();
    await clock.advance(100);
    expect(await kit.get(id)).toMatchObject({ state: 'completed', attempts: 1, epoch: 2 });
    expect(queue.stats()).toMatchObject({ started: 1, completed: 1 });
    await closed(worker, clock);
  });

  it('never leads to two outcomes of one task in one exchange', async () => {
    let answer: (() => void) | undefined;
    const doubles: ExchangeRequest[] = [];
    const { clock, queue, worker, kit } = await setUp(
      (_, { attempt }) => {
        if (attempt === 1) throw new RetryAt(0);
      },
      {
        wrap: through(async (request, exchange) => {
          const ids = request.settle.map(({ id }) => id);
          if (new Set(ids).size < ids.length) doubles.push(request);
          const reply = await exchange(request);
          // Settles the first attempt, claims the second, and is given up before that is known.
          if (answer === undefined && ids.length > 0 && reply.claimed.length > 0)
            await new Promise<void>((resolve) => (answer = resolve));
          return reply;
        }),
      },
    );
    const { id } = await queue.enqueue(task, {});
    await clock.advance(4_900);
    // The answer comes when the first outcome is about to be sent again: the second claim is handed back beside it.
    for (let ms = 0; ms < 2_000; ms += 20) {
      await clock.advance(20);
      if (worker.stats().failing > 0) answer?.();
    }
    await clock.advance(2_000);
    expect(answer).toBeDefined();
    expect(doubles).toEqual([]);
    expect(await kit.get(id)).toMatchObject({ state: 'completed', attempts: 2, epoch: 3 });
    expect(queue.stats()).toMatchObject({ completed: 1, lost: 0, released: 1 });
    await closed(worker, clock);
  });

  it('keeps no worker from closing', async () => {
    const { clock, queue, worker } = await setUp(() => 'done', {
      wrap: through((request, exchange) =>
        request.settle.length > 0 ? never() : exchange(request),
      ),
    });
    await queue.enqueue(task, {});
    await clock.advance(0);
    const report = await closed(worker, clock, 0);
    expect(report).toMatchObject({ drained: false });
    expect(report.durationMs).toBeLessThanOrEqual(4_000);
  });
});

describe('closing', () => {
  it('resolves while the worker starts, sweeps, or stops listening, with a store that hangs', async () => {
    for (const broken of ['migrate', 'onWake', 'sweep', 'exchange'] as const) {
      const { clock, worker } = await setUp(() => undefined, {
        start: false,
        wrap: (store) => Object.assign(store, { [broken]: never }),
      });
      worker.start().catch(() => undefined);
      await clock.advance(100);
      const report = await closed(worker, clock);
      expect(report.abandoned).toBe(0);
    }
    const { clock, worker } = await setUp(() => undefined, {
      wrap: (store) =>
        Object.assign(store, { onWake: async () => ({ [Symbol.asyncDispose]: never }) }),
    });
    await closed(worker, clock);
    expect(worker.stats().state).toBe('closed');
  });

  it('resolves whatever throws, at whatever deadline', async () => {
    for (const deadline of [0, 1, 5_000]) {
      const { clock, queue, worker, store } = await setUp(async (_, { signal }) => {
        store.exchange = () => {
          throw gone.text;
        };
        await after(clock, 2_500);
        signal.throwIfAborted();
      });
      await queue.enqueue(task, {});
      await clock.advance(0);
      const report = await closed(worker, clock, deadline);
      expect(report.durationMs).toBeLessThanOrEqual(deadline + 4_000);
    }
  });
});

describe('a sweep that never answers', () => {
  it('does not keep the next one from running', async () => {
    let sweeps = 0;
    const { clock, worker } = await setUp(() => undefined, {
      wrap: (store) => {
        const sweep = store.sweep.bind(store);
        store.sweep = (limit) => (++sweeps === 1 ? never() : sweep(limit));
        return store;
      },
    });
    await clock.advance(60_000);
    expect(sweeps).toBeGreaterThan(5);
    await closed(worker, clock);
  });
});
