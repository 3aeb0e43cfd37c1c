import { randomBytes } from 'node:crypto';
import type { Cluster, Redis } from 'ioredis';
import { silentLogger } from '../../src/logger.js';
import { RedisStore } from '../../src/stores/redis/store.js';
import type { StoreHarness } from '../../src/testing.js';

const START = Date.UTC(2026, 0, 1);

/** The scripts' clock in tests: it stands still until it is moved, so that time in a test costs none. */
const FROZEN_CLOCK = `local now = tonumber(redis.call('GET', KEYS[1] .. ':clock'))`;

/** An empty store on a server, with a clock of its own. `lua` comes before each script. */
export async function frozenRedisStore(
  client: Redis | Cluster,
  prefix: string = `test-${randomBytes(6).toString('hex')}`,
  lua: string = '',
): Promise<StoreHarness<never>> {
  const clock = `${prefix}:{${prefix}:queue}:clock`;
  await client.set(clock, START);
  const store = new RedisStore({
    source: client,
    prefix,
    logger: silentLogger,
    clock: `${lua}\n${FROZEN_CLOCK}`,
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
async function removeKeys(client: Redis | Cluster, prefix: string): Promise<void> {
  for (const node of 'nodes' in client ? client.nodes('master') : [client]) {
    const keys = await node.keys(`${prefix}:*`);
    if (keys.length > 0) await node.unlink(keys);
  }
}
