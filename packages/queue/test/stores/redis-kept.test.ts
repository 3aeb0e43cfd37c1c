import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Kit } from '../../src/testing.js';
import { frozenRedisStore } from './redis-harness.js';

const url = process.env.TEST_REDIS_URL ?? '';

describe.skipIf(url === '')('completed tasks that are kept on Redis', () => {
  let client: Redis;
  beforeAll(() => {
    client = new Redis(url);
  });
  afterAll(() => client.disconnect());

  async function withKit(run: (kit: Kit<never>, prefix: string) => Promise<void>): Promise<void> {
    const prefix = `kept-${randomBytes(6).toString('hex')}`;
    const harness = await frozenRedisStore(client, prefix);
    try {
      await run(new Kit(harness), prefix);
    } finally {
      await harness.close();
    }
  }

  /** Enqueues and completes, all in one exchange; every other one with a result. */
  async function complete(kit: Kit<never>, count: number, keepCompletedMs = 60_000) {
    const tasks = Array.from({ length: count }, () => kit.task({ keepCompletedMs }));
    await kit.store.enqueue(tasks);
    const claimed = await kit.claim('a', count);
    const outcomes = claimed.map((task, i) => kit.completed(task, i % 2 === 0 ? null : `${i}`));
    expect(new Set(await kit.settle('a', ...outcomes))).toEqual(new Set(['ok']));
    return tasks.map(({ id }) => id);
  }

  const counts = async (kit: Kit<never>): Promise<number | undefined> =>
    (await kit.store.stats(['q']))[0]?.counts.completed;

  it('shows each with its own result, times and holder', async () => {
    await withKit(async (kit) => {
      const ids = await complete(kit, 4);
      const page = { order: 'oldest', limit: 10 } as const;
      const found = await kit.store.find({ queue: 'q', states: ['completed'] }, page);
      expect(found.map(({ id }) => id)).toEqual(ids);
      expect(found.map(({ result }) => result)).toEqual([null, '1', null, '3']);
      for (const task of found) {
        expect(task).toMatchObject({ state: 'completed', worker: 'a', attempts: 1, epoch: 1 });
        expect(task.expiresAt).toBe((task.finishedAt ?? 0) + 60_000);
        expect(task.leaseUntil).toBe(null);
      }
      expect(await kit.store.find({ queue: 'q', states: ['ready'] }, page)).toEqual([]);
    });
  });

  it('lists more than it looks at in one call, in pages', async () => {
    await withKit(async (kit) => {
      const ids = await complete(kit, 1_500);
      const seen: string[] = [];
      for (;;) {
        const after = seen.at(-1);
        const page = { order: 'oldest' as const, limit: 400, ...(after ? { after } : {}) };
        const found = await kit.store.find({ queue: 'q', states: ['completed'] }, page);
        if (found.length === 0) break;
        seen.push(...found.map(({ id }) => id));
      }
      expect(seen).toEqual(ids);
      expect(await counts(kit)).toBe(1_500);
    });
  });

  it('drops each when its time is over, no more at once than was asked for', async () => {
    await withKit(async (kit) => {
      await complete(kit, 5, 30_000);
      await kit.harness.advance(10_000);
      const longer = await complete(kit, 3, 60_000);
      await kit.harness.advance(19_999);
      expect((await kit.store.sweep(10)).pruned).toBe(0);
      await kit.harness.advance(1);
      expect((await kit.store.sweep(2)).pruned).toBe(2);
      expect(await counts(kit)).toBe(6);
      expect((await kit.store.sweep(2)).pruned).toBe(2);
      expect((await kit.store.sweep(2)).pruned).toBe(1);
      const left = await kit.store.find({ queue: 'q' }, { order: 'oldest', limit: 10 });
      expect(left.map(({ id }) => id)).toEqual(longer);
      await kit.harness.advance(60_000);
      expect((await kit.store.sweep(10)).pruned).toBe(3);
      expect(await counts(kit)).toBe(0);
    });
  });

  it('takes no task for another that had its id before', async () => {
    await withKit(async (kit) => {
      const [first = '', second = ''] = await complete(kit, 3);
      const remove = { kind: 'remove' } as const;
      expect(await kit.store.alter({ ids: [first] }, remove, 10)).toEqual([first]);
      expect(await counts(kit)).toBe(2);
      await kit.harness.advance(1_000);
      await kit.add({ id: first });
      // Enqueued again, the second is what it was, and the child of another.
      const live = kit.task();
      const parent = kit.task({ waitFor: { ids: [second, live.id], onFailure: 'fail' } });
      await kit.store.enqueue([kit.task({ id: second }), live, parent]);
      expect(await counts(kit)).toBe(2);
      await kit.harness.advance(59_000);
      await kit.store.sweep(10);
      expect(await kit.stateOf(first)).toBe('ready');
      // Its parent may still want to read it.
      expect(await kit.stateOf(second)).toBe('completed');
      expect(await counts(kit)).toBe(1);
    });
  });

  it('leaves nothing behind, dropped or removed', async () => {
    await withKit(async (kit, prefix) => {
      const keys = async (): Promise<string[]> =>
        (await client.keys(`${prefix}:*`)).filter(
          (key) => !/:(min:|events|evseq|last:|clock)/.test(key),
        );
      const removed = await complete(kit, 4);
      await kit.store.alter({ ids: removed }, { kind: 'remove' }, 10);
      await kit.store.sweep(10);
      expect(await keys()).toEqual([]);
      await complete(kit, 4);
      await kit.harness.advance(60_000);
      await kit.store.sweep(10);
      expect(await keys()).toEqual([]);
    });
  });
});
