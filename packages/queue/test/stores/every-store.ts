import type { SqlDatabase } from '@holdfast/sql';
import { testDatabases } from '@holdfast/sql/testing';
import { Redis } from 'ioredis';
import { memoryStore, type QueueStore } from '../../src/index.js';
import { type StoreHarness, virtualClock } from '../../src/testing.js';
import { freezeClock, frozenStore } from './harness.js';
import { frozenRedisStore } from './redis-harness.js';

/** What makes stores of one kind, one after the other, each empty. */
export interface StoreSource {
  create(): Promise<StoreHarness<never>>;
  close(): Promise<void>;
}

/** A kind of store. */
export interface StoreKind {
  readonly name: string;
  readonly available: boolean;
  open(): Promise<StoreSource>;
}

/** A memory store with a clock of its own, that stands still until it is moved. */
function frozenMemoryStore(): StoreHarness<never> {
  const clock = virtualClock();
  const store = memoryStore({ clock });
  return { store, advance: (ms) => clock.advance(ms), close: () => store.close() };
}

const memory: StoreKind = {
  name: 'memory',
  available: true,
  open: async () => ({ create: async () => frozenMemoryStore(), close: async () => undefined }),
};

const url = process.env.TEST_REDIS_URL ?? '';

const redis: StoreKind = {
  name: 'redis',
  available: url !== '',
  open: async () => {
    const client = new Redis(url);
    return { create: () => frozenRedisStore(client), close: async () => client.disconnect() };
  },
};

async function withoutTransactions(db: SqlDatabase): Promise<StoreHarness<never>> {
  const { store, advance, close } = await frozenStore(db);
  const plain: unknown = store;
  return { store: plain as QueueStore<never>, advance, close };
}

/** Every kind that lives outside this process; their clocks stand still until they are moved. */
export const outsideStores: readonly StoreKind[] = [
  ...testDatabases().map((database) => ({
    name: database.name,
    available: database.available,
    open: async () => {
      const db = await database.open();
      await freezeClock(db);
      return { create: () => withoutTransactions(db), close: async () => void (await db.close()) };
    },
  })),
  redis,
];

/** Every kind. */
export const everyStore: readonly StoreKind[] = [memory, ...outsideStores];
