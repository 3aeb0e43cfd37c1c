import { Redis } from 'ioredis';
import { LRUCache } from 'lru-cache';
import { TTL_MS } from '../measure.mjs';

/** lru-cache and ioredis by themselves. */
export const adapter = {
  async l1(_contender, { maxEntries }) {
    const cache = new LRUCache({ max: maxEntries, ttl: TTL_MS });
    return {
      close: async () => undefined,
      set: (key, value) => void cache.set(key, value),
      sync(order) {
        let sum = 0;
        for (let i = 0; i < order.length; i++) sum += cache.get(order[i]).id;
        return sum;
      },
      /** The least that an awaited hit can cost: an async function over the same read. */
      async awaited(order) {
        const get = async (key) => cache.get(key);
        let sum = 0;
        for (let i = 0; i < order.length; i++) sum += (await get(order[i])).id;
        return sum;
      },
      readThrough(order, value) {
        let hits = 0;
        for (let i = 0; i < order.length; i++) {
          if (cache.get(order[i]) === undefined) cache.set(order[i], value);
          else hits++;
        }
        return hits;
      },
    };
  },

  async l2({ pipelining = false }, { url }) {
    const client = new Redis(url, { enableAutoPipelining: pipelining });
    return {
      close: async () => client.disconnect(),
      set: (key, value) => client.set(key, JSON.stringify(value), 'PX', TTL_MS),
      get: pipelining ? async (key) => JSON.parse(await client.get(key)) : (key) => client.get(key),
    };
  },
};
