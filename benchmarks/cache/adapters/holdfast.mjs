import { createCache } from '@holdfast/cache';
import { Redis } from 'ioredis';
import { TTL_MS } from '../measure.mjs';

async function open({ contender, maxEntries, url, l1 = true }) {
  let store;
  let client;
  if (url !== undefined) {
    const { redisStore } = await import('@holdfast/cache/redis');
    client = new Redis(url);
    store = redisStore(client);
  }
  const cache = createCache({
    namespace: 'bench',
    ttl: TTL_MS,
    ...(store && { l2: store }),
    l1: l1 && { ...contender.l1, ...(maxEntries && { maxEntries }) },
  });
  const close = async () => {
    await cache.close();
    await store?.close();
    client?.disconnect();
  };
  return { cache, close };
}

export const adapter = {
  /** L1 alone, in loops of its own so that no call of ours stands between. */
  async l1(contender, { maxEntries, tags = [] }) {
    const { cache, close } = await open({ contender, maxEntries });
    const options = tags.length === 0 ? {} : { tags };
    const factory = () => {
      throw new Error('a miss');
    };
    return {
      close,
      set: (key, value) => void cache.set(key, value, options),
      sync(order) {
        let sum = 0;
        for (let i = 0; i < order.length; i++) sum += cache.peek(order[i]).id;
        return sum;
      },
      async awaited(order) {
        let sum = 0;
        for (let i = 0; i < order.length; i++) {
          sum += (await cache.getOrSet(order[i], factory, options)).id;
        }
        return sum;
      },
      /** Reads through: what is not there is set. Returns the hits. */
      readThrough(order, value) {
        let hits = 0;
        for (let i = 0; i < order.length; i++) {
          if (cache.peek(order[i]) === undefined) void cache.set(order[i], value);
          else hits++;
        }
        return hits;
      },
    };
  },

  async l2(contender, { url }) {
    const { cache, close } = await open({ contender, url, l1: false });
    return {
      close,
      set: (key, value) => cache.set(key, value),
      get: (key) => cache.get(key),
    };
  },

  async tagged(contender, { url, maxEntries }) {
    const { cache, close } = await open({ contender, url, maxEntries });
    return {
      close,
      setMany: (entries, tags) => cache.setMany(entries, { tags }),
      get: (key) => cache.get(key),
      invalidate: (tag) => cache.invalidateTags([tag]),
    };
  },

  async tiered(contender, { url }) {
    const { cache, close } = await open({ contender, url });
    return { close, load: (key, factory) => cache.getOrSet(key, factory) };
  },
};
