import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { Redis } from 'ioredis';
import { TTL_MS } from '../measure.mjs';

const memory = (maxItems = 10_000) => memoryDriver({ maxItems, serialize: false });

async function open(store) {
  const bento = new BentoCache({ default: 'bench', ttl: TTL_MS, stores: { bench: store } });
  return bento;
}

async function redis(url) {
  const { redisDriver } = await import('bentocache/drivers/redis');
  const client = new Redis(url);
  return { client, driver: redisDriver({ connection: client }) };
}

export const adapter = {
  async l1(_contender, { maxEntries, tags = [] }) {
    const bento = await open(bentostore().useL1Layer(memory(maxEntries)));
    const factory = () => {
      throw new Error('a miss');
    };
    return {
      close: () => bento.disconnect(),
      set: (key, value) => bento.set({ key, value, tags }),
      async awaited(order) {
        let sum = 0;
        for (let i = 0; i < order.length; i++) {
          sum += (await bento.getOrSet({ key: order[i], factory, tags })).id;
        }
        return sum;
      },
    };
  },

  async l2(_contender, { url }) {
    const { client, driver } = await redis(url);
    const bento = await open(bentostore().useL2Layer(driver));
    return {
      close: async () => client.disconnect(),
      set: (key, value) => bento.set({ key, value }),
      get: (key) => bento.get({ key }),
    };
  },

  async tiered(_contender, { url }) {
    if (url === undefined) {
      const bento = await open(bentostore().useL1Layer(memory()));
      return {
        close: () => bento.disconnect(),
        load: (key, factory) => bento.getOrSet({ key, factory }),
      };
    }
    const { client, driver } = await redis(url);
    const bento = await open(bentostore().useL1Layer(memory()).useL2Layer(driver));
    return {
      close: async () => client.disconnect(),
      load: (key, factory) => bento.getOrSet({ key, factory }),
    };
  },
};
