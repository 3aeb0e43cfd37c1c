import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import { silentLogger } from '../../src/logger.js';
import { RedisStore } from '../../src/stores/redis/store.js';
import type { StoreHarness } from '../../src/testing.js';

const START = Date.UTC(2026, 0, 1);

/** The scripts' clock in tests: it stands still until it is moved, so that time in a test costs none. */
const FROZEN_CLOCK = `local now = tonumber(redis.call('GET', KEYS[1] .. ':clock'))`;

/** An empty store on a server, with a clock of its own. */
export async function frozenRedisStore(client: Redis): Promise<StoreHarness<never>> {
  const prefix = `test-${randomBytes(6).toString('hex')}`;
  const clock = `${prefix}:{${prefix}:queue}:clock`;
  await client.set(clock, START);
  const store = new RedisStore({
    source: client,
    prefix,
    logger: silentLogger,
    clock: FROZEN_CLOCK,
  });
  return {
    store,
    advance: async (ms) => {
      await client.incrbyfloat(clock, ms);
    },
    close: async () => {
      await store.close();
      await removeKeys(client, prefix);
    },
  };
}

/** Removes what a store of this prefix left. */
async function removeKeys(client: Redis, prefix: string): Promise<void> {
  const keys = await client.keys(`${prefix}:*`);
  if (keys.length > 0) await client.unlink(keys);
}
