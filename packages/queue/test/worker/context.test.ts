import { describe, expect, it } from 'vitest';
import {
  defineTask,
  handle,
  type QueueStore,
  type TaskContext,
  UnrecoverableError,
} from '../../src/index.js';
import { after, closed, setUp, task } from './support.js';

describe('cancelling', () => {
  it('aborts the signal of a task that runs, and the task ends cancelled whatever its handler says', async () => {
    for (const ends of ['resolves', 'rejects', 'never'] as const) {
      const reasons: unknown[] = [];
      const { clock, queue, worker, store, kit } = await setUp((_, { signal }) => {
        return new Promise((resolve, reject) => {
          signal.addEventListener('abort', () => {
            reasons.push(signal.reason.code);
            if (ends === 'resolves') resolve('late');
            if (ends === 'rejects') reject(signal.reason);
          });
        });
      });
      const { id } = await queue.enqueue(task, {});
      await clock.advance(1_000);
      await store.alter({ ids: [id] }, { kind: 'cancel', running: true }, 1);
      await clock.advance(10_000);
      expect(reasons).toEqual(['QUEUE_TASK_CANCELLED']);
      expect(await kit.get(id)).toMatchObject({ state: 'cancelled' });
      expect(worker.stats().running).toBe(0);
      await closed(worker, clock);
    }
  });
});

describe('progress', () => {
  it('is kept with the task while it runs', async () => {
    const { clock, queue, worker, kit } = await setUp(async (_, { progress }) => {
      progress({ done: 1 });
      progress({ done: 2 });
      await after(clock, 5_000);
      progress({ done: 3 });
      await after(clock, 5_000);
    });
    const { id } = await queue.enqueue(task, {});
    await clock.advance(500);
    expect((await kit.get(id))?.progress).toBe('{"done":2}');
    await clock.advance(5_000);
    expect((await kit.get(id))?.progress).toBe('{"done":3}');
    await clock.advance(5_000);
    expect(await kit.get(id)).toMatchObject({ state: 'completed' });
    await closed(worker, clock);
  });

  it('is kept though the handler ends at once, or the exchange that took it got lost', async () => {
    let broken = 0;
    const { clock, queue, worker, kit } = await setUp(
      (step, { progress }) => {
        progress({ step });
        if (step === 'fails') throw new UnrecoverableError('no');
        return 'done';
      },
      {
        wrap: (store) => {
          const exchange = store.exchange.bind(store);
          store.exchange = async (request) => {
            const reply = await exchange(request);
            if (request.extend.length > 0 && broken++ === 0) throw new Error('connection lost');
            return reply;
          };
          return store;
        },
      },
    );
    const done = await queue.enqueue(task, 'ends');
    const dead = await queue.enqueue(task, 'fails');
    await clock.advance(1_000);
    expect(broken).toBeGreaterThan(1);
    expect(await kit.get(done.id)).toMatchObject({
      state: 'completed',
      progress: '{"step":"ends"}',
      result: '"done"',
    });
    expect(await kit.get(dead.id)).toMatchObject({ state: 'dead', progress: '{"step":"fails"}' });
    expect(queue.stats()).toMatchObject({ started: 2, completed: 1, dead: 1, lost: 0 });
    expect(await closed(worker, clock)).toMatchObject({ drained: true, unsettled: 0 });
  });

  it('is refused when it has no JSON form, or the store cannot keep it', async () => {
    const codes: unknown[] = [];
    const catching = (_: unknown, { progress }: TaskContext): void => {
      try {
        progress(10n);
      } catch (error) {
        codes.push(Reflect.get(error as object, 'code'));
      }
    };
    const one = await setUp(catching);
    const other = await setUp(catching, {
      wrap: (store) => Object.assign(store, { traits: { ...store.traits, features: [] } }),
    });
    for (const { queue, clock, worker } of [one, other]) {
      await queue.enqueue(task, {});
      await clock.advance(0);
      await closed(worker, clock);
    }
    expect(codes).toEqual(['QUEUE_INPUT_INVALID', 'QUEUE_UNSUPPORTED']);
  });
});

describe('children', () => {
  it('can be read with their results', async () => {
    let read: unknown;
    const parent = defineTask('parent');
    const { clock, worker, kit, store } = await setUp([
      handle(parent, async (_, { children }) => {
        read = await children();
      }),
      handle(task, (n) => Number(n) * 10),
    ]);
    const tasks = [1, 2].map((n) => kit.task({ payload: String(n) }));
    const ids = tasks.map(({ id }) => id);
    const waits = kit.task({ name: 'parent', waitFor: { ids, onFailure: 'fail' } });
    await store.enqueue([...tasks, waits]);
    await clock.advance(0);
    expect(read).toMatchObject([
      { id: ids[0], name: 't', state: 'completed', result: 10 },
      { id: ids[1], state: 'completed', result: 20 },
    ]);
    await closed(worker, clock);
  });

  it('are none for a task that waited for none', async () => {
    let read: unknown;
    const { clock, queue, worker } = await setUp(async (_, { children }) => {
      read = await children();
    });
    await queue.enqueue(task, {});
    await clock.advance(0);
    expect(read).toEqual([]);
    await closed(worker, clock);
  });
});

describe('completing in a transaction', () => {
  /** The memory store with transactions that hold nothing. */
  const transactional = (store: QueueStore): QueueStore =>
    Object.assign(store, {
      traits: { ...store.traits, features: [...(store.traits.features ?? []), 'completeIn'] },
      complete: async (
        worker: string,
        leases: readonly { id: string; epoch: number; result: string | null }[],
      ) => {
        const settle = leases.map((lease) => ({ ...lease, outcome: 'completed' as const }));
        const claim = { queues: [], limit: 0 };
        const reply = await store.exchange({ worker, settle, extend: [], claim, leaseMs: 1_000 });
        return [...reply.settled];
      },
    });

  it('settles the task once, and counts it', async () => {
    const { clock, queue, worker, kit } = await setUp(
      async (_, { completeIn }) => {
        await completeIn({}, { sum: 1 });
        // Long enough for a heartbeat, which must not take this for a lost lease.
        await after(clock, 20_000);
        return 'ignored';
      },
      { wrap: transactional },
    );
    const { id } = await queue.enqueue(task, {});
    await clock.advance(30_000);
    expect(await kit.get(id)).toMatchObject({ state: 'completed', result: '{"sum":1}' });
    expect(queue.stats()).toMatchObject({ completed: 1, lost: 0, failed: 0 });
    await closed(worker, clock);
  });

  it('throws when the lease is gone, so that the transaction rolls back', async () => {
    const codes: unknown[] = [];
    const { clock, queue, worker, kit, store } = await setUp(
      async (_, { completeIn }) => {
        await after(clock, 1_000);
        await completeIn({}).catch((error: unknown) =>
          codes.push(Reflect.get(error as object, 'code')),
        );
      },
      { wrap: transactional },
    );
    const { id } = await queue.enqueue(task, {});
    await clock.advance(0);
    const [held] = await store.find({ ids: [id] }, { order: 'oldest', limit: 1 });
    worker.pause();
    const { worker: holder, epoch } = held as { worker: string; epoch: number };
    await kit.settle(holder, kit.released({ id, epoch }));
    await kit.claimOne('other');
    await clock.advance(1_000);
    expect(codes).toEqual(['QUEUE_LEASE_LOST']);
    await closed(worker, clock);
  });
});
