import { openDatabase } from '@holdfast/sql';
import { Cluster, Redis } from 'ioredis';
import type { QueueStore } from '../../../src/index.js';
import { postgresStore } from '../../../src/stores/postgres.js';
import { type RedisClient, redisStore } from '../../../src/stores/redis.js';

/** Where a store is, as data that can be handed to another process. */
export type Address =
  | { readonly kind: 'redis'; readonly url: string }
  | { readonly kind: 'sentinel'; readonly ports: readonly number[]; readonly name: string }
  | { readonly kind: 'cluster'; readonly ports: readonly number[]; readonly prefix: string }
  | { readonly kind: 'postgres'; readonly url: string }
  | { readonly kind: 'pglite'; readonly folder: string };

/** An open store with what was opened for it. */
export interface OpenStore {
  readonly store: QueueStore<never>;
  close(): Promise<void>;
}

const HOST = '127.0.0.1';

/** A client that does nothing but lend its settings: a store opens its own connections. */
function redisClient(address: Address): RedisClient {
  if (address.kind === 'sentinel') {
    const sentinels = address.ports.map((port) => ({ host: HOST, port }));
    return new Redis({ sentinels, name: address.name, lazyConnect: true });
  }
  if (address.kind !== 'cluster') throw new Error(`no client for ${address.kind}`);
  const nodes = address.ports.map((port) => ({ host: HOST, port }));
  return new Cluster(nodes, { lazyConnect: true });
}

/** Opens a store. */
export async function openStore(address: Address): Promise<OpenStore> {
  if (address.kind === 'postgres' || address.kind === 'pglite') {
    const db = await openDatabase(
      address.kind === 'postgres'
        ? { url: address.url, pool: { max: 4, connectTimeout: 1_000 } }
        : { dataDir: address.folder },
    );
    // Nothing here enqueues in a transaction.
    const store = postgresStore(db) as unknown as QueueStore<never>;
    const close = async (): Promise<void> => {
      await store.close();
      await db.close({ deadline: 500 });
    };
    return { store, close };
  }
  const store =
    address.kind === 'redis'
      ? redisStore({ url: address.url })
      : redisStore(
          redisClient(address),
          address.kind === 'cluster' ? { prefix: address.prefix } : {},
        );
  return { store, close: () => store.close() };
}
