import type { SqlDatabase } from '@holdfast/sql';
import { testDatabases } from '@holdfast/sql/testing';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { QueueStore, StoreFeature, TaskRecord } from '../../src/index.js';
import { memoryStore } from '../../src/index.js';
import { virtualClock } from '../../src/testing.js';
import { freezeClock, frozenStore } from './harness.js';
import { Side } from './model/side.js';
import { steps } from './model/steps.js';
import { frozenRedisStore } from './redis-harness.js';

interface Harness {
  readonly store: unknown;
  advance(ms: number): Promise<void>;
  close(): Promise<void>;
}

const RUNS = Number(process.env.MODEL_RUNS ?? 25);
/** `MODEL_FEATURES=dedup,flows` tries these together with the ones every store has. */
const FEATURES = (process.env.MODEL_FEATURES ?? '').split(',').filter((name) => name !== '');

/** Random steps on a store and on the memory store must look the same, reply by reply and in the end. */
async function sameAsModel(
  create: () => Promise<Harness>,
  features: readonly StoreFeature[],
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(steps(features), async (list) => {
      const clock = virtualClock();
      const model = new Side(memoryStore({ clock }), (ms) => clock.advance(ms));
      const harness = await create();
      const store = harness.store as QueueStore<never>;
      const real = new Side(store, harness.advance);
      try {
        for (const step of list) {
          const ids = step.do === 'enqueue' ? step.tasks.map(() => model.kit.task().id) : [];
          expect(await real.run(step, ids)).toEqual(await model.run(step, ids));
        }
        expect(await real.look()).toEqual(await model.look());
        invariants(await model.kit.store.find({}, { order: 'oldest', limit: 1_000 }));
      } finally {
        await harness.close();
      }
    }),
    { numRuns: RUNS },
  );
}

function invariants(tasks: readonly TaskRecord[]): void {
  for (const task of tasks) {
    expect(task.attempts).toBeLessThanOrEqual(Math.max(task.maxAttempts, task.epoch));
    expect(task.attempts).toBeGreaterThanOrEqual(0);
  }
}

const SETS: readonly (readonly [string, readonly StoreFeature[]])[] =
  FEATURES.length > 0
    ? [['what was asked for', FEATURES as StoreFeature[]]]
    : [
        ['tasks', []],
        ['keys', ['dedup']],
        ['limits', ['limits']],
        ['groups', ['groups']],
        ['flows', ['flows']],
        ['changes', ['cancel', 'redrive', 'edits', 'move']],
        ['all of it', ['dedup', 'limits', 'groups', 'flows', 'cancel', 'redrive', 'edits', 'move']],
      ];

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

    for (const [name, features] of SETS) {
      it(`does what the memory store does: ${name}`, async () => {
        await sameAsModel(() => frozenStore(db), features);
      }, 120_000);
    }
  });
}

const url = process.env.TEST_REDIS_URL ?? '';

describe.skipIf(url === '')('redis against the model', () => {
  let client: Redis;
  beforeAll(() => {
    client = new Redis(url);
  });
  afterAll(() => client.disconnect());

  for (const [name, features] of SETS) {
    it(`does what the memory store does: ${name}`, async () => {
      await sameAsModel(() => frozenRedisStore(client), features);
    }, 120_000);
  }
});
