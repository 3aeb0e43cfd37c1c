import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createQueue, createWorker, defineTask, handle } from '../../src/index.js';
import { redisStore } from '../../src/stores/redis.js';

const url = process.env.TEST_REDIS_URL;
const task = defineTask('t');

describe.skipIf(url === undefined)('two versions on one Redis', () => {
  let client: Redis;
  let prefix: string;

  beforeEach(() => {
    client = new Redis(url ?? '');
    prefix = `versions-${randomBytes(6).toString('hex')}`;
  });
  afterEach(async () => {
    const keys = await client.keys(`${prefix}:*`);
    if (keys.length > 0) await client.unlink(keys);
    client.disconnect();
  });

  it('lets any number of processes of this version start', async () => {
    for (let process = 0; process < 3; process++) {
      const store = redisStore(client, { prefix });
      await store.migrate();
      await store.close();
    }
    expect(await client.get(`${prefix}:{${prefix}:queue}:layout`)).toBe('1');
  });

  it('does not start a worker on tasks that a later version keeps in another way, and touches none', async () => {
    const store = redisStore(client, { prefix });
    const queue = createQueue('q', { store });
    await queue.enqueue(task, 1);
    const key = `${prefix}:{${prefix}:queue}:layout`;
    await client.set(key, '2');
    const later = redisStore(client, { prefix });
    const worker = createWorker(createQueue('q', { store: later }), [handle(task, () => null)]);
    await expect(worker.start()).rejects.toMatchObject({
      code: 'QUEUE_UNSUPPORTED',
      details: { key, found: '2', known: '1' },
    });
    await worker.close();
    expect((await store.stats(['q']))[0]?.counts).toMatchObject({ ready: 1, leased: 0 });
    await Promise.all([store.close(), later.close()]);
  });
});
