// A cache over a disk that takes no more than a few kilobytes a file: the system refuses the rest.
import { createCache } from '../../src/index.js';
import { diskStore } from '../../src/stores/disk.js';

const [, , path = ''] = process.argv;
const store = diskStore({ path });
const said: string[] = [];
const logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: (_fields: object, message: string) => void said.push(message),
  error: () => undefined,
};
const cache = createCache({ namespace: 'full', l1: false, l3: store, logger });
await cache.set('small', 'kept');
const large = 'x'.repeat(100_000);
const results: string[] = [];
for (let i = 0; i < 5; i += 1) await cache.set(`set${i}`, large);
for (let i = 0; i < 5; i += 1) {
  const value = await cache.getOrSet(`made${i}`, () => large);
  results.push(value === large ? 'served' : 'wrong');
}
const { circuit = '', errors = 0 } = cache.stats().l3 ?? {};
console.log(JSON.stringify({ results, circuit, failed: errors > 2, said }));
await cache.close();
await store.close();
process.exit(0);
