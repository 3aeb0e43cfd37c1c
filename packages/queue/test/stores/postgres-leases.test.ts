import { openDatabase, type SqlDatabase } from '@holdfast/sql';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findPostgres, startPostgres } from '../../../../test-services/postgres.js';
import type { TestServer } from '../../../../test-services/test-server.js';
import { Kit } from '../../src/testing.js';
import { freezeClock, frozenStore } from './harness.js';

const LEASE_MS = 10_000;
/** So many rows of leases must be over before any of them is deleted ahead of its time, and then some. */
const OTHERS = 40;

/** Holds the next answer of the database back, until the function that it gives is called. */
function holdNextAnswer(db: SqlDatabase): () => void {
  const query = db.query.bind(db);
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  db.query = async (...call) => {
    db.query = query;
    const answer = await query(...call);
    await held;
    return answer as never;
  };
  return () => release();
}

const server = findPostgres();
let running: TestServer;
let db: SqlDatabase;

beforeAll(async () => {
  if (server === undefined) return;
  running = await startPostgres();
  db = await openDatabase({ url: running.url });
  await freezeClock(db);
}, 30_000);
afterAll(async () => {
  await db?.close({ deadline: 500 });
  await running?.stop();
});

it.skipIf(server === undefined)(
  'a lease runs out although the answers to its extensions came in the wrong order',
  async () => {
    const kit = new Kit(await frozenStore(db));
    const { id, epoch } = await kit.add().then(() => kit.claimOne('w'));
    const extend = [{ id, epoch }];
    const release = holdNextAnswer(db);
    const first = kit.exchange('w', { extend });
    // The server has done it: the next one is after it.
    await expect
      .poll(async () => (await db.query('select from queue_test.queue_lease')).rows.length)
      .toBe(2);
    await kit.harness.advance(LEASE_MS / 2);
    await kit.exchange('w', { extend });
    release();
    await first;
    for (let n = 0; n < OTHERS; n++) {
      await kit.add({ queue: 'o' });
      const [other] = (await kit.exchange('w', { claim: 1, queues: ['o'] })).claimed;
      if (other === undefined) throw new Error('there was nothing to claim');
      await kit.exchange('w', {
        settle: [{ id: other.id, epoch: 1, outcome: 'completed', result: null }],
      });
    }
    await kit.harness.advance(LEASE_MS / 2 + 1);
    expect((await kit.store.sweep(100)).lapsed).toBe(0);
    await kit.harness.advance(LEASE_MS / 2);
    expect((await kit.store.sweep(100)).lapsed).toBe(1);
  },
);

it.skipIf(server === undefined)(
  'leases run out, and other schedules fire, while a process that fires one is frozen in the middle of it',
  async () => {
    const kit = new Kit(await frozenStore(db));
    await kit.add().then(() => kit.claimOne('w'));
    const task = (({ name, payload, headers, priority, maxAttempts }) => ({
      ...{ name, payload, headers, priority, maxAttempts },
      ...{ keepCompletedMs: 1_000, keepDeadMs: 1_000 },
    }))(kit.task());
    const timing = { everyMs: 1_000, anchorMs: 0 };
    await kit.store.schedule?.(
      ['frozen', 'other'].map((id) => ({
        kind: 'upsert',
        schedule: { id, queue: 'q', timing, missed: { policy: 'once' }, task },
      })),
    );
    await kit.harness.advance(LEASE_MS + 1);
    await db.transaction(async (tx) => {
      await tx.query(`select from queue_test.queue_schedule where id = 'frozen' for update`);
      expect(await kit.store.sweep(100)).toMatchObject({ lapsed: 1, fired: 1 });
    });
    expect(await kit.store.sweep(100)).toMatchObject({ lapsed: 0, fired: 1 });
  },
);

it.skipIf(server === undefined)(
  "no lease runs out, and those of the dead do, while a caller's transaction that enqueued into a group is open",
  async () => {
    const kit = new Kit(await frozenStore(db));
    for (const group of [{ key: 'a' }, undefined]) await kit.add({ group });
    await kit.add({ queue: 'other', group: { key: 'a' } });
    await kit.add({ queue: 'other' });
    const extend = (await kit.claim('w', 2)).map(({ id, epoch }) => ({ id, epoch }));
    await kit.exchange('dead', { claim: 2, queues: ['other'] });
    await kit.harness.advance(LEASE_MS - 1);
    await db.transaction(async (tx) => {
      await kit.store.enqueue([kit.task({ group: { key: 'a' } })], { tx });
      const { extended } = await kit.exchange('w', { extend, claim: 0 });
      expect(extended).toEqual(['ok', 'ok']);
      await kit.harness.advance(2);
      expect((await kit.store.sweep(100)).lapsed).toBe(2);
    });
    await kit.harness.advance(LEASE_MS);
    await db.transaction(async (tx) => {
      await kit.store.enqueue([kit.task({ group: { key: 'a' } })], { tx });
      // The lock is not to be had, for that of the group.
      expect((await kit.store.sweep(100)).lapsed).toBe(1);
    });
    expect((await kit.store.sweep(100)).lapsed).toBe(1);
  },
);
