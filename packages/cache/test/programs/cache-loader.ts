// Loads keys of a cache on Redis as it is told to, line by line, and tells when a factory begins and what callers get.
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { createCache } from '../../src/index.js';
import { redisStore } from '../../src/stores/redis.js';

const { url, namespace, lockMs, factoryMs } = JSON.parse(process.argv[2] ?? '') as {
  readonly url: string;
  readonly namespace: string;
  readonly lockMs: number;
  readonly factoryMs: number;
};
// Synchronous: what was said is not lost with the process.
const say = (message: object): void => void writeSync(1, `${JSON.stringify(message)}\n`);
const store = redisStore({ url });
const cache = createCache({ namespace, l2: store, lock: { ttl: lockMs } });

async function factory(): Promise<number> {
  say({ began: process.pid });
  await new Promise((resolve) => setTimeout(resolve, factoryMs));
  return process.pid;
}

async function load(key: string, callers: number): Promise<void> {
  const loads = Array.from({ length: callers }, () => cache.getOrSet(key, factory));
  const values = new Set(await Promise.all(loads));
  say({ got: [...values] });
}

while (cache.stats().l2?.subscribed !== true)
  await new Promise((resolve) => setTimeout(resolve, 5));
say({ ready: process.pid });
for await (const line of createInterface({ input: process.stdin })) {
  const { key, callers } = JSON.parse(line) as { key: string; callers: number };
  void load(key, callers);
}
await cache.close();
await store.close();
