import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/logger.js';
import { RedisStore } from '../../src/stores/redis/store.js';
import { queueStoreConformance } from '../../src/testing.js';
import { frozenRedisStore } from './redis-harness.js';

const url = process.env.TEST_REDIS_URL ?? '';

describe.skipIf(url === '')('on a server', () => {
  let client: Redis;
  beforeAll(() => {
    client = new Redis(url);
  });
  afterAll(() => client.disconnect());

  queueStoreConformance(
    { describe, it, expect },
    {
      name: 'redis',
      features:
        new RedisStore({ source: { url }, prefix: 'none', logger: silentLogger }).traits.features ??
        [],
      absent: { transactions: 'Redis has no transactions that a caller could join' },
      create: () => frozenRedisStore(client),
    },
  );
});
