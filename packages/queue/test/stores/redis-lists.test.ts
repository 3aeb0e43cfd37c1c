import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { QueueStore, TaskRecord } from '../../src/index.js';
import { Kit } from '../../src/testing.js';
import { frozenRedisStore } from './redis-harness.js';

const url = process.env.TEST_REDIS_URL ?? '';
/** More than the store looks at in one call. */
const MANY = 2_300;

describe.skipIf(url === '')('long lists on Redis', () => {
  let client: Redis;
  beforeAll(() => {
    client = new Redis(url);
  });
  afterAll(() => client.disconnect());

  async function withKit(run: (kit: Kit<never>, prefix: string) => Promise<void>): Promise<void> {
    const prefix = `lists-${randomBytes(6).toString('hex')}`;
    const harness = await frozenRedisStore(client, prefix);
    try {
      await run(new Kit(harness), prefix);
    } finally {
      await harness.close();
    }
  }

  async function enqueue(kit: Kit<never>, count: number): Promise<string[]> {
    const tasks = Array.from({ length: count }, (_, i) => kit.task({ payload: `${i}` }));
    await kit.store.enqueue(tasks);
    return tasks.map(({ id }) => id);
  }

  /** All pages of a queue; `between` happens after each. */
  async function walk(
    store: QueueStore<never>,
    order: 'newest' | 'oldest',
    between: () => Promise<unknown> = async () => undefined,
  ): Promise<TaskRecord[]> {
    const all: TaskRecord[] = [];
    for (;;) {
      const after = all.at(-1)?.id;
      const page = { order, limit: 700, ...(after === undefined ? {} : { after }) };
      const found = await store.find({ queue: 'q' }, page);
      if (found.length === 0) return all;
      all.push(...found);
      await between();
    }
  }

  it('keeps a text that is no JSON apart from its neighbours', async () => {
    await withKit(async (kit) => {
      const payloads = ['"a"', '"b\0"', '\0 "c"', '"d"'];
      await kit.addAll(...payloads.map((payload) => ({ payload })));
      for (const payload of payloads) await kit.add({ payload });
      const claimed = await kit.claim('a', 100);
      expect(claimed.map(({ payload }) => payload).sort()).toEqual(
        [...payloads, ...payloads].sort(),
      );
    });
  });

  it('pages through thousands of waiting tasks by id, while tasks come and go', async () => {
    await withKit(async (kit) => {
      const ids = await enqueue(kit, MANY);
      await kit.add({ queue: 'elsewhere' });
      const later = await kit.addAll({ priority: 3 }, { when: { delayMs: 9_000 } }, {});
      const all = [...ids, ...later];
      expect((await walk(kit.store, 'oldest')).map(({ id }) => id)).toEqual(all);
      const claimed = await kit.claim('a', 400);
      await kit.settle('a', ...claimed.slice(0, 100).map((task) => kit.retry(task)));
      expect((await walk(kit.store, 'newest')).map(({ id }) => id)).toEqual([...all].reverse());
      // From here on the store keeps the order up to date.
      const done = claimed.slice(100).map((task) => ({ ...kit.completed(task) }));
      await kit.settle('a', ...done);
      const fresh = await enqueue(kit, 5);
      const last = await walk(kit.store, 'oldest', () => kit.add({ queue: 'elsewhere' }));
      expect(last).toHaveLength(MANY + later.length + fresh.length);
      expect(last.filter(({ state }) => state === 'completed')).toHaveLength(300);
      expect(last.slice(-5).map(({ id }) => id)).toEqual(fresh);
    });
  }, 30_000);

  it('makes the order of ids while workers claim and complete', async () => {
    await withKit(async (kit) => {
      const ids = await enqueue(kit, 3 * MANY);
      let stop = false;
      const work = (async () => {
        while (!stop) {
          const claimed = await kit.claim('a', 20);
          await kit.settle('a', ...claimed.map((task) => kit.completed(task)));
          await kit.add();
        }
      })();
      const found = await walk(kit.store, 'oldest');
      stop = true;
      await work;
      const seen = found.map(({ id }) => id);
      expect(seen).toEqual([...new Set(seen)].sort());
      const known = new Set(seen);
      expect(ids.filter((id) => !known.has(id))).toEqual([]);
    });
  }, 30_000);

  it('leaves out what was taken from the middle of those that wait', async () => {
    await withKit(async (kit) => {
      const ids = await enqueue(kit, 90);
      const third = (rest: number): string[] => ids.filter((_, i) => i % 3 === rest);
      await kit.store.alter({ ids: third(1).slice(0, 15) }, { kind: 'cancel' }, 100);
      await kit.store.alter({ ids: third(1).slice(15) }, { kind: 'remove' }, 100);
      await kit.store.edit?.({ ids: third(2).slice(0, 10) }, { kind: 'move', queue: 'r' }, 100);
      const urgent = third(2).slice(20);
      await kit.store.edit?.({ ids: urgent }, { kind: 'reprioritise', priority: 1 }, 100);
      const left = ids.filter((_, i) => i % 3 === 0 || (i % 3 === 2 && i >= 30 && i < 60));
      const [stats] = await kit.store.stats(['q']);
      expect(stats?.counts).toMatchObject({ ready: left.length + urgent.length, cancelled: 15 });
      const order = [...urgent, ...left];
      const first = await kit.claim('a', 25);
      expect(first.map(({ id }) => id)).toEqual(order.slice(0, 25));
      // What is given back stands before what came later.
      await kit.settle('a', ...first.map((task) => kit.released(task)));
      const again = await kit.claim('a', 1_000);
      expect(again.map(({ id }) => id)).toEqual(order);
      expect(new Set(again.map(({ epoch }) => epoch))).toEqual(new Set([1, 2]));
      expect((await kit.store.stats(['q']))[0]?.counts.ready).toBe(0);
      expect((await kit.exchange('a', { queues: ['r'], claim: 50 })).claimed).toHaveLength(10);
    });
  });

  it('forgets what was taken out once claims have come by it', async () => {
    await withKit(async (kit, prefix) => {
      const ids = await kit.addAll({}, {}, {});
      await kit.store.alter({ ids: ids.slice(1, 2) }, { kind: 'remove' }, 1);
      const gone = async () => client.hget(`${prefix}:{${prefix}:queue}:q:q`, 'gone');
      expect(await gone()).toBe('1');
      // The short ways are for queues that miss nothing.
      expect((await kit.claimOne('a')).id).toBe(ids[0]);
      expect((await kit.claimOne('a')).id).toBe(ids[2]);
      const next = await kit.add();
      expect((await kit.claimOne('a')).id).toBe(next);
      expect(await gone()).toBe(null);
    });
  });

  it('knows a queue as drained when only traces of removed tasks are left', async () => {
    await withKit(async (kit) => {
      const ids = await enqueue(kit, 3);
      await kit.store.alter({ ids: ids.slice(1) }, { kind: 'remove' }, 10);
      const task = await kit.claimOne('a');
      await kit.settle('a', kit.completed(task));
      const page = await kit.store.events?.({ limit: 100, waitMs: 0, types: ['queue.drained'] });
      expect(page?.events).toHaveLength(1);
      expect(await kit.claim('a', 5)).toEqual([]);
      const next = await kit.add();
      expect((await kit.claim('a', 5)).map(({ id }) => id)).toEqual([next]);
    });
  });

  it('keeps the result of each, whichever are alike, and whether anything else is kept', async () => {
    await withKit(async (kit) => {
      const results = [null, '1', '1', '""', null, null, '2', '1'];
      const keep = [60_000, 0, 60_000, 60_000, 0, 60_000, 60_000, 0];
      const ids = await kit.addAll(...keep.map((keepCompletedMs) => ({ keepCompletedMs })));
      const claimed = await kit.claim('a', 10);
      const settle = claimed.map((task, i) => kit.completed(task, results[i]));
      expect(await kit.settle('a', ...settle)).toEqual(claimed.map(() => 'ok'));
      const found = await kit.store.find({ ids }, { order: 'oldest', limit: 10 });
      expect(found.map(({ id, result }) => [id, result])).toEqual(
        ids.map((id, i) => [id, results[i]]).filter((_, i) => keep[i] !== 0),
      );
    });
  });

  it('keeps every payload of a batch as it is', async () => {
    await withKit(async (kit) => {
      const long = 'x'.repeat(3_000);
      for (const payloads of [
        ['1', '', '"ж 🙂"'],
        ['1 2', 'a\nb', '\n'],
        [long, '{}', '0 '],
      ]) {
        await kit.addAll(...payloads.map((payload) => ({ payload })));
        const claimed = await kit.claim('a', 10);
        expect(claimed.map(({ payload }) => payload)).toEqual(payloads);
        await kit.settle('a', ...claimed.map((task) => kit.retry(task)));
        const again = await kit.claim('a', 10);
        expect(again.map(({ payload }) => payload)).toEqual(payloads);
        await kit.settle('a', ...again.map((task) => kit.completed(task)));
      }
    });
  });

  it('takes text that is no Unicode for what Redis makes of it', async () => {
    await withKit(async (kit) => {
      const id = await kit.add({ name: 'half \ud83d, \\ud83d and \u2028' });
      const claimed = await kit.claimOne('a');
      expect(claimed.id).toBe(id);
      expect(await kit.settle('a', kit.retry(claimed))).toEqual(['ok']);
    });
  });
});
