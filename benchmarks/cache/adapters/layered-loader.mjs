import { Loader } from 'layered-loader/core';
import { TTL_MS } from '../measure.mjs';

export const adapter = {
  async l1(_contender, { maxEntries }) {
    const values = new Map();
    const loader = new Loader({
      inMemoryCache: { cacheType: 'lru-object', ttlInMsecs: TTL_MS, maxItems: maxEntries },
      dataSourceGetOneFn: async (key) => values.get(key),
    });
    return {
      close: async () => undefined,
      async set(key, value) {
        values.set(key, value);
        await loader.get(key);
        values.delete(key);
      },
      async awaited(order) {
        let sum = 0;
        for (let i = 0; i < order.length; i++) sum += (await loader.get(order[i])).id;
        return sum;
      },
    };
  },
};
