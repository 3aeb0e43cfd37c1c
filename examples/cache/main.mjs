// A thousand callers and one query; a value that does not come back after it was deleted; a store that fails.
import { createCache, memoryStore } from '@holdfast/cache';

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let queries = 0;
async function loadPrice(product) {
  queries += 1;
  await pause(50);
  return { product, cents: 1_000 + queries };
}

// In production: redisStore({ url }) from '@holdfast/cache/redis'. This one is in memory and fails when told to.
const store = memoryStore();
const { getMany, setMany } = store;
const failWith = (error) => {
  const fail = async () => {
    throw error;
  };
  store.getMany = error ? fail : getMany;
  store.setMany = error ? fail : setMany;
};

const prices = createCache({ namespace: 'prices', ttl: '1m', jitter: 0.1, l2: store });

const callers = Array.from({ length: 1_000 }, () => prices.getOrSet('tea', () => loadPrice('tea')));
await Promise.all(callers);
console.log(`1,000 callers, ${queries} query:`, prices.peek('tea'));

await prices.delete('tea');
const slow = prices.getOrSet('tea', () => loadPrice('tea'));
await pause(10);
await prices.delete('tea'); // comes while the query runs
console.log('who waited gets the result:', await slow);
console.log('but it was not stored:     ', await prices.get('tea'));

failWith(new Error('connection lost'));
console.log('without the store:         ', await prices.getOrSet('tea', () => loadPrice('tea')));
await prices.set('tea', { product: 'tea', cents: 1 });
console.log('L1 has the new price:      ', prices.peek('tea'));
console.log('changes to repair in store:', prices.stats().l2.awaitingRepair);

failWith(undefined);
console.log('closed:', await prices.close(), 'left to repair:', prices.stats().l2.awaitingRepair);
