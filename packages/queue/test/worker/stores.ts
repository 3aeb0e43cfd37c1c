import { randomBytes } from 'node:crypto';
import type { SqlDatabase, SqlTransaction } from '@holdfast/sql';
import { openDatabase } from '@holdfast/sql';
import { testDatabases } from '@holdfast/sql/testing';
import { Redis } from 'ioredis';
import { type TcpProxy, tcpProxy } from '../../../../test-services/tcp-proxy.js';
import { memoryStore, type QueueStore } from '../../src/index.js';
import { postgresStore } from '../../src/stores/postgres.js';
import { redisStore } from '../../src/stores/redis.js';

/** A store, empty, with the system's clock. */
export interface OpenStore {
  readonly store: QueueStore<SqlTransaction>;
  /** Where the store has one. */
  readonly db?: SqlDatabase;
  close(): Promise<void>;
}

/** A store that the worker's tests run on. */
export interface TestedStore {
  readonly name: string;
  readonly available: boolean;
  open(): Promise<OpenStore>;
  /** The same behind a line that can be cut; absent for what lives in this process. */
  openBehind?(): Promise<OpenStore & { readonly line: TcpProxy }>;
}

const REDIS = process.env.TEST_REDIS_URL ?? '';
const POSTGRES = process.env.TEST_POSTGRES_URL ?? '';
const fresh = (): string => `test_${randomBytes(6).toString('hex')}`;

const memory: TestedStore = {
  name: 'memory',
  available: true,
  open: async () => {
    const store = memoryStore();
    return { store, close: () => store.close() };
  },
};

async function onRedis(url: string): Promise<OpenStore> {
  const prefix = fresh();
  const store = redisStore({ url }, { prefix });
  const close = async (): Promise<void> => {
    await store.close();
    const client = new Redis(REDIS);
    const keys = await client.keys(`${prefix}:*`);
    if (keys.length > 0) await client.unlink(keys);
    client.disconnect();
  };
  return { store, close };
}

const redis: TestedStore = {
  name: 'redis',
  available: REDIS !== '',
  open: () => onRedis(REDIS),
  openBehind: async () => {
    const line = await tcpProxy(REDIS);
    const opened = await onRedis(line.url);
    return { ...opened, line, close: () => opened.close().finally(() => line.close()) };
  },
};

const databases: TestedStore[] = testDatabases().map(({ name, available, open }) => ({
  name,
  available,
  open: async () => {
    const db = await open();
    const store = postgresStore(db);
    return { store, db, close: () => store.close().then(() => void db.close()) };
  },
  ...(name === 'postgres' ? { openBehind: onPostgresLine } : {}),
}));

async function onPostgresLine(): Promise<OpenStore & { readonly line: TcpProxy }> {
  const line = await tcpProxy(POSTGRES);
  const schema = fresh();
  const db = await openDatabase({ url: line.url, pool: { max: 3, connectTimeout: 500 } });
  const store = postgresStore(db, { schema });
  const close = async (): Promise<void> => {
    await store.close();
    await db.exec(`drop schema if exists ${schema} cascade`);
    await db.close({ deadline: 500 });
    await line.close();
  };
  return { store, db, line, close };
}

/** Every store that the worker runs on. */
export const testedStores: readonly TestedStore[] = [memory, ...databases, redis];
