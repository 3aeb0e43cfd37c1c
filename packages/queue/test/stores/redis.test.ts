import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
      absent: { transactions: 'Redis has no transactions that a caller could join' },
      create: () => frozenRedisStore(client),
    },
  );
});
