import type { SqlDatabase, SqlTransaction } from '@holdfast/sql';
import { testDatabases } from '@holdfast/sql/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { EnqueueOutcome } from '../../src/index.js';
import { Kit } from '../../src/testing.js';
import { freezeClock, frozenStore } from './harness.js';

const LEASE_MS = 10_000;
/** Waits for a statement that stands behind another's lock; there is one such at a time here. */
const BLOCKED = `select count(*) as count from pg_stat_activity
  where datname = current_database() and wait_event_type = 'Lock'`;

// Two transactions at once need two sessions.
const server = testDatabases().find(({ name }) => name === 'postgres');

describe.skipIf(server?.available !== true)(
  'a lock that a transaction of the caller holds on Postgres',
  () => {
    let db: SqlDatabase;
    let kit: Kit<SqlTransaction>;
    beforeAll(async () => {
      if (server === undefined) throw new Error('there is no server');
      db = await server.open();
      await freezeClock(db);
    });
    beforeEach(async () => {
      const harness = await frozenStore(db);
      kit = new Kit(harness);
      return () => harness.close();
    });
    afterAll(async () => {
      await db?.close();
    });

    const isBlocked = (): Promise<unknown> =>
      expect
        .poll(async () => (await db.query<{ count: number }>(BLOCKED)).rows[0]?.count)
        .toBeGreaterThan(0);

    it('lets a parent go on whose children end in two transactions at once', async () => {
      const [a, b, parent] = [kit.task({ queue: 'a' }), kit.task({ queue: 'b' }), kit.task()];
      const waitFor = { ids: [a.id, b.id], onFailure: 'fail' as const };
      await kit.store.enqueue([a, b, { ...parent, waitFor }]);
      const claimed = await kit.exchange('w', { claim: 2, queues: ['a', 'b'] });
      expect(claimed.claimed.length).toBe(2);
      let second: Promise<unknown> | undefined;
      await db.transaction(async (tx) => {
        const lease = { id: a.id, epoch: 1, result: null };
        expect(await kit.store.complete?.('w', [lease], { tx })).toEqual(['ok']);
        second = kit.settle('w', kit.completed({ id: b.id, epoch: 1 }));
        await isBlocked();
      });
      expect(await second).toEqual(['ok']);
      expect(await kit.stateOf(parent.id)).toBe('ready');
    });

    it.each([
      ['group', { group: { key: 'g' } }],
      ['key', { key: { value: 'k', ttlMs: 60_000 } }],
    ])(
      'holds up no enqueue that does not need it, behind one with a %s that does',
      async (_, part) => {
        let waiting: Promise<unknown> | undefined;
        await db.transaction(async (tx) => {
          await kit.store.enqueue([kit.task(part)], { tx });
          waiting = kit.add(part);
          await isBlocked();
          await kit.add();
          await kit.add({ ...part, queue: 'other' });
        });
        await waiting;
      },
    );

    it('is on a key, and never part of a circle with those of a batch in another order', async () => {
      const key = (value: string) => ({ value, ttlMs: 60_000 });
      const batch = ['b', 'a'].map((value) =>
        kit.task({ key: { ...key(value), mode: 'replace' } }),
      );
      let attempts = 0;
      let waiting: Promise<EnqueueOutcome[]> | undefined;
      await db.transaction(async (tx) => {
        attempts++;
        await kit.store.enqueue([kit.task({ key: key('a') })], { tx });
        waiting ??= kit.store.enqueue(batch);
        await isBlocked();
        await kit.store.enqueue([kit.task({ key: key('b') })], { tx });
      });
      expect((await waiting)?.map(({ outcome }) => outcome)).toEqual(['replaced', 'replaced']);
      expect(attempts).toBe(1);
    });

    it('loses nothing that is handed over to a worker whose exchange was overtaken behind it', async () => {
      await kit.store.control('capped', { concurrency: 5 });
      const { id, epoch } = await kit.add().then(() => kit.claimOne('w'));
      const taken: string[] = [];
      const listening = await kit.store.onHandover?.('w', (claimed) => {
        taken.push(...claimed.map((task) => task.id));
      });
      let overtaken: Promise<unknown> | undefined;
      await db.transaction(async (tx) => {
        const later = { queue: 'capped', group: { key: 'g' }, when: { delayMs: 60_000 } };
        await kit.store.enqueue([kit.task(later)], { tx });
        overtaken = kit.exchange('w', { claim: 5, queues: ['q', 'capped'], park: true });
        await isBlocked();
        expect(await kit.extend('w', { id, epoch })).toEqual(['ok']);
      });
      await overtaken;
      const handed = await kit.add();
      expect(await kit.stateOf(handed)).toBe('leased');
      const { claimed } = await kit.exchange('w');
      expect([...taken, ...claimed.map((task) => task.id)]).toEqual([handed]);
      await listening?.[Symbol.asyncDispose]();
    });

    it('takes nothing off the lease that is extended behind it', async () => {
      const { id, epoch } = await kit.add().then(() => kit.claimOne('w'));
      let extended: Promise<unknown> | undefined;
      const undone = db.transaction(async (tx) => {
        await kit.store.complete?.('w', [{ id, epoch, result: null }], { tx });
        extended = kit.exchange('w', { extend: [{ id, epoch }] });
        await isBlocked();
        await kit.harness.advance(LEASE_MS - 1);
        throw new Error('undone');
      });
      await expect(undone).rejects.toThrow('undone');
      expect(await extended).toMatchObject({ extended: ['ok'] });
      await kit.harness.advance(LEASE_MS - 1);
      expect((await kit.store.sweep(100)).lapsed).toBe(0);
      await kit.harness.advance(2);
      expect((await kit.store.sweep(100)).lapsed).toBe(1);
    });
  },
);
