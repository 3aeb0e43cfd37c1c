import type { SqlDatabase, SqlTransaction } from '@holdfast/sql';
import { testDatabases } from '@holdfast/sql/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ClaimedTask } from '../../src/index.js';
import { Kit, type StoreHarness } from '../../src/testing.js';
import { freezeClock, frozenStore } from './harness.js';

const PATIENCE = { timeout: 10_000, interval: 10 };

const idsOf = (claimed: readonly ClaimedTask[]): string[] => claimed.map(({ id }) => id);

for (const database of testDatabases()) {
  describe.skipIf(!database.available)(`tasks handed over on ${database.name}`, () => {
    let db: SqlDatabase;
    let harness: StoreHarness<SqlTransaction>;
    let kit: Kit<SqlTransaction>;
    beforeAll(async () => {
      db = await database.open();
      await freezeClock(db);
    });
    beforeEach(async () => {
      harness = await frozenStore(db);
      kit = new Kit(harness);
      return () => harness.close();
    });
    afterAll(async () => {
      await db?.close();
    });

    async function listen(
      worker: string,
    ): Promise<{ taken: ClaimedTask[]; end(): PromiseLike<void> }> {
      const taken: ClaimedTask[] = [];
      const listening = await kit.store.onHandover?.(worker, (claimed) => taken.push(...claimed));
      return { taken, end: async () => listening?.[Symbol.asyncDispose]() };
    }

    it('come with the next answer where the message was lost, under a lease that begins then', async () => {
      const a = await listen('a');
      await kit.exchange('a', { claim: 5, park: true });
      await a.end();
      const ids = [await kit.add({ headers: { h: 'x' } }), await kit.add({ keepCompletedMs: 0 })];
      expect(a.taken).toEqual([]);
      await harness.advance(9_000);
      const { claimed } = await kit.exchange('a');
      expect(new Set(idsOf(claimed))).toEqual(new Set(ids));
      expect(claimed.find(({ id }) => id === ids[0])).toMatchObject({
        epoch: 1,
        attempt: 1,
        headers: { h: 'x' },
      });
      expect((await kit.exchange('a', { claim: 5 })).claimed).toEqual([]);
      await harness.advance(9_000);
      await kit.store.sweep(100);
      expect(await kit.settle('a', ...claimed.map((task) => kit.completed(task)))).toEqual([
        'ok',
        'ok',
      ]);
    });

    it('are not those of a transaction, of which nobody knows when it ends', async () => {
      const a = await listen('a');
      await kit.exchange('a', { claim: 5, park: true });
      const task = kit.task();
      await harness.transaction?.(async (tx) => {
        await kit.store.enqueue([task], { tx });
      });
      expect(idsOf(await kit.claim('b'))).toEqual([task.id]);
      const id = await kit.add();
      await expect.poll(() => idsOf(a.taken), PATIENCE).toEqual([id]);
      await a.end();
    });

    it('are not those of a queue with limits, nor those too long for a message', async () => {
      const a = await listen('a');
      await kit.exchange('a', { claim: 5, park: true, queues: ['q', 'capped'] });
      await kit.store.control('capped', { concurrency: 1 });
      const left = [
        await kit.add({ queue: 'capped' }),
        await kit.add({ payload: JSON.stringify('x'.repeat(8_000)) }),
        await kit.add({ payload: JSON.stringify('\u0001'.repeat(1_300)) }),
      ];
      for (const other of left) expect(await kit.stateOf(other)).toBe('ready');
      expect(idsOf(await kit.claim('b', 9))).toEqual(left.slice(1));
      const id = await kit.add({ payload: JSON.stringify('ü"'.repeat(1_200)) });
      await expect.poll(() => idsOf(a.taken), PATIENCE).toEqual([id]);
      expect(a.taken[0]?.payload).toBe(JSON.stringify('ü"'.repeat(1_200)));
      await a.end();
    });

    it('go no more to a worker that has not asked for a while since it was handed one', async () => {
      const a = await listen('a');
      await kit.exchange('a', { claim: 5, park: true });
      const id = await kit.add();
      await expect.poll(() => idsOf(a.taken), PATIENCE).toEqual([id]);
      await harness.advance(300);
      let woken = 0;
      const waking = await kit.store.onWake(['q'], () => woken++);
      const next = await kit.add();
      expect(await kit.stateOf(next)).toBe('ready');
      await expect.poll(() => woken, PATIENCE).toBe(1);
      expect(idsOf((await kit.exchange('a', { claim: 4, park: true })).claimed)).toEqual([next]);
      const last = await kit.add();
      await expect.poll(() => idsOf(a.taken), PATIENCE).toEqual([id, last]);
      await waking[Symbol.asyncDispose]();
      await a.end();
    });

    it('are told of and counted like any others, and their leases are given up with them', async () => {
      const a = await listen('a');
      await kit.exchange('a', { claim: 40, park: true });
      const ids: string[] = [];
      for (let i = 0; i < 40; i++) ids.push(await kit.add());
      await expect.poll(() => idsOf(a.taken), PATIENCE).toEqual(ids);
      const [added, started] = (await kit.store.events?.({ limit: 2, waitMs: 0 }))?.events ?? [];
      expect(added).toMatchObject({ type: 'task.added', subject: ids[0], name: 't' });
      expect(started).toMatchObject({ type: 'task.started', subject: ids[0], epoch: 1 });
      const { now } = await kit.exchange('clock');
      const [minute] = (await kit.store.minutes?.('q', now - 120_000, now + 60_000)) ?? [];
      expect(minute).toMatchObject({ added: 40, started: 40 });
      await kit.settle('a', ...a.taken.map((task) => kit.completed(task)));
      await kit.exchange('a');
      const { rows } = await db.query('select count(*) as count from queue_test.queue_lease');
      expect(rows).toEqual([{ count: 0 }]);
      await a.end();
    });
  });
}
