import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { findRedis, startRedis } from '../../../../test-services/redis.js';
import { createQueue, createWorker, defineTask, handle } from '../../src/index.js';
import { redisStore } from '../../src/stores/redis.js';
import { eventually } from './support/scale.js';

const task = defineTask('t');
const BATCH = 20;
const PAYLOAD = 'x'.repeat(2_000);

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const usedMemory = async (direct: Redis): Promise<number> =>
  Number(/used_memory:(\d+)/.exec(await direct.info('memory'))?.[1]);

/** A queue filled up to the memory of its server, with as many tasks as were acknowledged. */
async function fill() {
  const server = await startRedis({ args: ['--maxmemory-policy', 'noeviction'] });
  ends.push(() => server.stop());
  const direct = new Redis(server.url);
  ends.push(() => direct.disconnect());
  const store = redisStore({ url: server.url });
  ends.push(() => store.close());
  await store.migrate();
  const retry = { initial: 10 };
  const queue = createQueue('q', { store, retry, retention: { completed: 0 } });
  const batch = Array.from({ length: BATCH }, (_, n) => ({
    task,
    payload: `${n}${PAYLOAD}`,
    ...(n % 2 === 0 ? {} : { group: 'g' }),
  }));
  await queue.enqueueMany(batch);
  await direct.config('SET', 'maxmemory', (await usedMemory(direct)) + 1_000_000);
  let added = BATCH;
  let refusal: unknown;
  while (refusal === undefined && added < 100 * BATCH) {
    const outcome = await queue.enqueueMany(batch).catch((error: unknown) => error);
    if (Array.isArray(outcome)) added += outcome.length;
    else refusal = outcome;
  }
  return { added, direct, queue, refusal, store, url: server.url };
}

describe.skipIf(findRedis() === undefined)('a Redis whose memory is full', () => {
  it('refuses an enqueue as a whole, and says why', async () => {
    const { added, direct, queue, refusal, store } = await fill();
    expect(refusal).toMatchObject({ code: 'QUEUE_STORE_UNAVAILABLE' });
    expect(String(refusal)).toContain('maxmemory');
    const [stats] = await store.stats(['q']);
    expect(stats?.counts).toMatchObject({ ready: added });
    const found = await store.find({ queue: 'q' }, { order: 'oldest', limit: 10_000 });
    expect(found.length).toBe(added);
    await direct.config('SET', 'maxmemory', 0);
    await queue.enqueueMany([{ task, payload: 1 }]);
    expect((await store.stats(['q']))[0]?.counts).toMatchObject({ ready: added + 1 });
  });

  it('lets workers go on, so that there is room again', async () => {
    const { added, direct, queue, store } = await fill();
    // Less than is in use: not even a command that needs little would be let through.
    const full = await usedMemory(direct);
    await direct.config('SET', 'maxmemory', full - 500_000);
    let ran = 0;
    const handler = handle(task, (payload, { attempt }) => {
      if (attempt === 1 && String(payload).startsWith('3')) throw new Error('the first time');
      ran++;
    });
    const worker = createWorker(queue, [handler], { pollInterval: 100 });
    ends.push(() => worker.close({ deadline: 500 }));
    await worker.start();
    await eventually('the queue is empty', async () => {
      const [stats] = await store.stats(['q']);
      return stats?.counts.ready === 0 && stats.counts.leased + stats.counts.scheduled === 0;
    });
    expect(ran).toBe(added);
    await direct.config('SET', 'maxmemory', full);
    await queue.enqueue(task, PAYLOAD);
  });

  it('lets the first worker of all start, and drain', async () => {
    const { direct, url } = await fill();
    // As it is where nobody but producers was there yet.
    expect(await direct.del(await direct.keys('*:layout'))).toBe(1);
    await direct.script('FLUSH');
    await direct.config('SET', 'maxmemory', (await usedMemory(direct)) - 500_000);
    const store = redisStore({ url });
    ends.push(() => store.close());
    const queue = createQueue('q', { store });
    const worker = createWorker(queue, [handle(task, () => undefined)], { pollInterval: 100 });
    ends.push(() => worker.close({ deadline: 500 }));
    await worker.start();
    await eventually('the queue is empty', async () => {
      const [stats] = await store.stats(['q']);
      return stats?.counts.ready === 0 && stats.counts.leased === 0;
    });
    await direct.config('SET', 'maxmemory', 0);
    expect(await direct.get((await direct.keys('*:layout'))[0] ?? '')).toBe('1');
  });
});
