import type { SqlDatabase } from '@holdfast/sql';
import { testDatabases } from '@holdfast/sql/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClaimedTask, QueueStore, Settlement, TaskState } from '../../src/index.js';
import { memoryStore } from '../../src/index.js';
import { Kit, virtualClock } from '../../src/testing.js';
import { freezeClock, frozenStore } from './harness.js';

/** What one random step does to a store; `pick` chooses among the claims so far. */
type Step =
  | {
      do: 'enqueue';
      tasks: {
        queue: string;
        priority: number;
        delay: number;
        key: number;
        max: number;
        keep: number;
      }[];
    }
  | { do: 'claim'; worker: string; limit: number; queues: string[] }
  | {
      do: 'settle';
      worker: string;
      picks: { pick: number; outcome: Settlement['outcome']; delay: number }[];
    }
  | { do: 'extend'; worker: string; picks: number[] }
  | { do: 'advance'; ms: number }
  | { do: 'sweep'; limit: number }
  | { do: 'alter'; kind: 'redrive' | 'cancel' | 'remove'; queue: string | undefined; limit: number }
  | { do: 'pause'; queue: string; paused: boolean };

const queue = fc.constantFrom('q', 'r');
const worker = fc.constantFrom('a', 'b');
const delay = fc.constantFrom(0, 0, 1_000, 7_000);
const outcome = fc.constantFrom<Settlement['outcome']>('completed', 'retry', 'dead', 'released');
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('enqueue' as const),
      tasks: fc.array(
        fc.record({
          queue,
          priority: fc.integer({ min: -1, max: 1 }),
          delay,
          key: fc.integer({ min: 0, max: 6 }),
          max: fc.integer({ min: 1, max: 3 }),
          keep: fc.constantFrom(0, 9_000),
        }),
        { minLength: 1, maxLength: 4 },
      ),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('claim' as const),
      worker,
      limit: fc.integer({ min: 1, max: 4 }),
      queues: fc.uniqueArray(queue, { minLength: 1 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      worker,
      picks: fc.array(fc.record({ pick: fc.nat(), outcome, delay }), {
        minLength: 1,
        maxLength: 3,
      }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('extend' as const),
      worker,
      picks: fc.array(fc.nat(), { minLength: 1, maxLength: 3 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('advance' as const),
      ms: fc.constantFrom(1, 1_000, 6_000, 10_000),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('sweep' as const), limit: fc.constantFrom(1, 1_000) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('alter' as const),
      kind: fc.constantFrom('redrive' as const, 'cancel' as const, 'remove' as const),
      queue: fc.option(queue, { nil: undefined }),
      limit: fc.constantFrom(1, 2, 10),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('pause' as const), queue, paused: fc.boolean() }),
  },
);

/** One of the two stores, and what was claimed from it. */
class Side {
  readonly claims: ClaimedTask[] = [];
  readonly kit: Kit<never>;
  readonly advance: (ms: number) => Promise<void>;

  constructor(store: QueueStore<never>, advance: (ms: number) => Promise<void>) {
    this.advance = advance;
    this.kit = new Kit({ store, advance, close: async () => undefined });
  }

  /** Does a step and returns what can be compared. */
  async run(step: Step, ids: readonly string[]): Promise<unknown> {
    const { kit } = this;
    switch (step.do) {
      case 'enqueue':
        return kit.store.enqueue(
          step.tasks.map((task, index) =>
            kit.task({
              id: ids[index] ?? '',
              queue: task.queue,
              priority: task.priority,
              when: { delayMs: task.delay },
              maxAttempts: task.max,
              keepCompletedMs: task.keep,
              ...(task.key < 3 ? { key: { value: `k${task.key}`, ttlMs: 8_000 } } : {}),
            }),
          ),
        );
      case 'claim': {
        const reply = await kit.exchange(step.worker, { claim: step.limit, queues: step.queues });
        this.claims.push(...reply.claimed);
        return reply;
      }
      case 'settle':
        return kit.settle(step.worker, ...this.#settlements(step.picks));
      case 'extend':
        return (await kit.exchange(step.worker, { extend: this.#leases(step.picks) })).extended;
      case 'advance':
        return this.advance(step.ms);
      case 'sweep': {
        // With a limit, which of several is first is the store's choice only among equal deadlines: sweep them all.
        const { lapsed, died } = await kit.store.sweep(1_000);
        return { lapsed, died: died.map((task) => task.id).sort() };
      }
      case 'alter': {
        const filter = step.queue === undefined ? {} : { queue: step.queue };
        return kit.store.alter(filter, { kind: step.kind }, step.limit);
      }
      case 'pause':
        return kit.store.control(step.queue, { paused: step.paused });
    }
  }

  #leases(picks: readonly number[]): ClaimedTask[] {
    const chosen = picks.map((pick) => this.claims[pick % this.claims.length]);
    return [
      ...new Map(chosen.flatMap((task) => (task ? [[task.id, task] as const] : []))).values(),
    ];
  }

  #settlements(
    picks: readonly { pick: number; outcome: Settlement['outcome']; delay: number }[],
  ): Settlement[] {
    return picks.flatMap(({ pick, outcome, delay }) => {
      const task = this.claims[pick % this.claims.length];
      if (task === undefined) return [];
      const { kit } = this;
      if (outcome === 'completed') return [kit.completed(task, '1')];
      if (outcome === 'dead') return [kit.dead(task)];
      return [outcome === 'retry' ? kit.retry(task, delay) : kit.released(task, delay)];
    });
  }

  async look(): Promise<unknown> {
    const tasks = await this.kit.store.find({}, { order: 'oldest', limit: 1_000 });
    const counts = (await this.kit.store.stats(['q', 'r'])).map(
      ({ counts, paused, oldestReadyAt }) => ({ counts, paused, oldestReadyAt }),
    );
    return { tasks, counts };
  }
}

for (const database of testDatabases()) {
  describe.skipIf(!database.available)(`${database.name} against the model`, () => {
    let db: SqlDatabase;
    beforeAll(async () => {
      db = await database.open();
      await freezeClock(db);
    });
    afterAll(async () => {
      await db?.close();
    });

    it('does what the memory store does, whatever is asked of it', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
          const clock = virtualClock();
          const model = new Side(memoryStore({ clock }), async (ms) => clock.advance(ms));
          const harness = await frozenStore(db);
          const real = new Side(harness.store as QueueStore<never>, harness.advance);
          for (const step of steps) {
            const ids = step.do === 'enqueue' ? step.tasks.map(() => model.kit.task().id) : [];
            expect(await real.run(step, ids)).toEqual(await model.run(step, ids));
          }
          expect(await real.look()).toEqual(await model.look());
          invariants(await model.kit.store.find({}, { order: 'oldest', limit: 1_000 }));
        }),
        { numRuns: Number(process.env.MODEL_RUNS ?? 25) },
      );
    }, 60_000);
  });
}

function invariants(
  tasks: readonly { state: TaskState; epoch: number; attempts: number; maxAttempts: number }[],
): void {
  for (const task of tasks) {
    expect(task.attempts).toBeLessThanOrEqual(Math.max(task.maxAttempts, task.epoch));
    expect(task.attempts).toBeGreaterThanOrEqual(0);
  }
}
