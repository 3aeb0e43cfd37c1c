import { openDatabase } from '@holdfast/sql';
import { describe, expect, it } from 'vitest';
import { findPostgres, startPostgres } from '../../../../test-services/postgres.js';
import { findRedis, startRedis } from '../../../../test-services/redis.js';
import type { TestServer } from '../../../../test-services/test-server.js';
import type { NewSchedule, QueueStore } from '../../src/index.js';
import { postgresStore } from '../../src/stores/postgres.js';
import { redisStore } from '../../src/stores/redis.js';
import { Kit } from '../../src/testing.js';

interface Kind {
  readonly name: string;
  readonly available: boolean;
  readonly start: () => Promise<TestServer>;
  readonly open: (url: string) => Promise<{ store: QueueStore<never>; close(): Promise<void> }>;
}

const KINDS: readonly Kind[] = [
  {
    name: 'redis with a log that is written at once',
    available: findRedis() !== undefined,
    start: () => startRedis({ durable: true }),
    open: async (url) => {
      const store = redisStore({ url });
      return { store, close: () => store.close() };
    },
  },
  {
    name: 'postgres',
    available: findPostgres() !== undefined,
    start: () => startPostgres({ durable: true }),
    open: async (url) => {
      const db = await openDatabase({ url });
      const store: unknown = postgresStore(db);
      return { store: store as QueueStore<never>, close: async () => void (await db.close()) };
    },
  },
];

/** What an operator set, and what was under way, when the server was killed is there when it runs again. */
describe.each(KINDS)('a restart of $name', (kind) => {
  async function withKit<T>(server: TestServer, use: (kit: Kit<never>) => Promise<T>): Promise<T> {
    const { store, close } = await kind.open(server.url);
    try {
      await store.migrate();
      return await use(new Kit({ store, advance: async () => undefined, close }));
    } finally {
      await store.close();
      await close();
    }
  }

  it.skipIf(!kind.available)(
    'leaves a queue paused, with its limits, schedules, keys, leases and events',
    async () => {
      const server = await kind.start();
      try {
        const key = { value: 'k', ttlMs: 3_600_000 };
        const limits = { concurrency: 2, groupDefaults: { concurrency: 1 } };
        const before = await withKit(server, async (kit) => {
          const held = await kit.add({ key });
          const lease = await kit.claimOne('w');
          expect(lease.id).toBe(held);
          await kit.store.control('q', { paused: true, reason: 'night', by: 'ann', ...limits });
          const { id: _, when: __, queue, ...task } = kit.task({ name: 'tick' });
          const timing = { everyMs: 3_600_000, anchorMs: 0 };
          const schedule: NewSchedule = {
            id: 's',
            queue,
            timing,
            missed: { policy: 'once' },
            task,
          };
          const [kept] = (await kit.store.schedule?.([{ kind: 'upsert', schedule }])) ?? [];
          const page = await kit.store.events?.({ limit: 1, waitMs: 0 });
          return { lease, kept, cursor: page?.cursor ?? '', waiting: await kit.add() };
        });
        await server.restart();
        await withKit(server, async (kit) => {
          expect(await kit.claim('other', 5)).toEqual([]);
          const [stats] = await kit.store.stats(['q']);
          expect(stats).toMatchObject({
            paused: true,
            pausedReason: 'night',
            pausedBy: 'ann',
            limits,
          });
          expect(await kit.store.schedules?.({})).toEqual([before.kept]);
          const again = await kit.store.enqueue([kit.task({ key })]);
          expect(again).toEqual([{ outcome: 'duplicate', id: before.lease.id }]);
          const types = ['task.started', 'queue.paused', 'task.added'] as const;
          const page = await kit.store.events?.({
            after: before.cursor,
            types,
            limit: 9,
            waitMs: 0,
          });
          expect(page?.gap).toBe(false);
          expect(page?.events.map(({ type }) => type)).toEqual(types);
          expect(await kit.extend('w', before.lease)).toEqual(['ok']);
          expect(await kit.settle('w', kit.completed(before.lease))).toEqual(['ok']);
          await kit.store.control('q', { paused: false });
          expect((await kit.claim('other', 5)).map(({ id }) => id)).toEqual([before.waiting]);
        });
      } finally {
        await server.stop();
      }
    },
  );
});
