import { createCache } from 'cache-manager';
import { TTL_MS } from '../measure.mjs';

export const adapter = {
  async l1() {
    const cache = createCache({ ttl: TTL_MS });
    const factory = () => {
      throw new Error('a miss');
    };
    return {
      close: () => cache.disconnect(),
      set: (key, value) => cache.set(key, value),
      async awaited(order) {
        let sum = 0;
        for (let i = 0; i < order.length; i++) sum += (await cache.wrap(order[i], factory)).id;
        return sum;
      },
    };
  },
};
