import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { redisStore } from '../../src/stores/redis.js';
import { cacheStoreConformance } from '../../src/testing.js';

const url = process.env.TEST_REDIS_URL ?? '';
const bytes = new TextEncoder().encode('x');

describe.skipIf(url === '')('redis store', () => {
  let client: Redis;
  beforeAll(() => {
    client = new Redis(url);
  });
  afterAll(() => client.disconnect());

  cacheStoreConformance(
    { describe, it, expect },
    { name: 'redis, own client', create: async () => redisStore({ url }) },
  );
  cacheStoreConformance(
    { describe, it, expect },
    { name: 'redis, shared client', create: async () => redisStore(client) },
  );
  cacheStoreConformance(
    { describe, it, expect },
    {
      name: 'redis without pub/sub',
      create: async () => redisStore(client, { pubsub: false }),
      capabilities: { subscribe: { absent: 'switched off' } },
    },
  );

  it('leaves a client that was passed in open', async () => {
    const store = redisStore(client);
    await store.ping();
    await store.close();
    expect(await client.ping()).toBe('PONG');
  });

  it('shares a client that is connecting, and one that waits to be told to', async () => {
    for (const lazyConnect of [false, true]) {
      const own = new Redis(url, { lazyConnect });
      const store = redisStore(own);
      await store.setMany('redis-connecting', [{ key: 'k', bytes, ttlMs: 1_000 }]);
      expect((await store.getMany('redis-connecting', ['k']))[0]?.bytes).toHaveLength(1);
      await store.close();
      own.disconnect();
    }
  });

  it('takes bytes of another program under its key for absent, and replaces them', async () => {
    const store = redisStore(client, { prefix: 'foreign' });
    const key = 'foreign:{cache:ns}:e:k';
    for (const junk of ['', 'hf1', 'hf1v', 'x'.repeat(100), `hf1v${'é'.repeat(50)}`]) {
      await client.set(key, junk);
      const [read] = await store.getMany('ns', ['k']);
      expect(read?.bytes).toBeUndefined();
      const write = { key: 'k', bytes, ttlMs: 1_000, fence: read?.fence };
      expect(await store.setMany('ns', [write])).toEqual([true]);
      expect((await store.getMany('ns', ['k']))[0]?.bytes).toHaveLength(1);
    }
    await client.del(key);
    await client.rpush(key, 'a list');
    const [read] = await store.getMany('ns', ['k']);
    expect(read?.bytes).toBeUndefined();
    expect(
      await store.setMany('ns', [{ key: 'k', bytes, ttlMs: 1_000, fence: read?.fence }]),
    ).toEqual([true]);
    await store.close();
  });

  it('goes on after the server forgot its scripts, with one failed change at most', async () => {
    const store = redisStore(client);
    const write = { key: 'k', bytes, ttlMs: 1_000 };
    await store.setMany('redis-scripts', [write]);
    await client.script('FLUSH');
    await store.setMany('redis-scripts', [write]).catch(() => undefined);
    expect(await store.setMany('redis-scripts', [write])).toEqual([true]);
    await store.close();
  });

  it('takes an entry whose tags Redis forgot for invalidated', async () => {
    const store = redisStore(client, { prefix: 'evicted' });
    for (const tags of [['a'], ['b'], ['a', 'b']]) {
      await store.setMany('ns', [{ key: tags.join(), bytes, ttlMs: 10_000, tags }]);
    }
    await client.del('evicted:{cache:ns}:t:a');
    await store.invalidateTags('ns', ['other']);
    const reads = await store.getMany('ns', ['a', 'b', 'a,b']);
    expect(reads.map((read) => read.bytes?.length)).toEqual([undefined, 1, undefined]);
    await client.del('evicted:{cache:ns}:epoch');
    expect((await store.getMany('ns', ['b']))[0]?.bytes).toBeUndefined();
    await store.close();
  });

  it('finds an entry again whose tags Redis had forgotten, alone and with others', async () => {
    const store = redisStore(client, { prefix: 'forgotten' });
    const put = (key: string) =>
      store.setMany('ns', [{ key, bytes, ttlMs: 10_000, tags: [`tag of ${key}`] }]);
    await put('a');
    await put('b');
    await client.del('forgotten:{cache:ns}:t:tag of a');
    await store.invalidateTags('ns', ['other']);
    expect((await store.getMany('ns', ['a']))[0]?.bytes).toBeUndefined();
    await put('a');
    for (const keys of [['a'], ['a', 'b']]) {
      const reads = await store.getMany('ns', keys);
      expect(reads.map((read) => read.bytes?.length)).toEqual(keys.map(() => 1));
    }
    await store.close();
  });

  it('takes damaged tags of an entry for no entry', async () => {
    const store = redisStore(client, { prefix: 'damaged' });
    await store.setMany('ns', [{ key: 'k', bytes, ttlMs: 10_000, tags: ['a'] }]);
    const key = 'damaged:{cache:ns}:e:k';
    const whole = await client.getBuffer(key);
    for (let end = 42; end < (whole?.length ?? 0) - 1; end += 1) {
      await client.set(key, whole?.subarray(0, end) ?? '');
      expect((await store.getMany('ns', ['k']))[0]?.bytes).toBeUndefined();
    }
    await store.close();
  });

  it('keeps the record of a tag for as long as the entry that lives longest', async () => {
    const store = redisStore(client, { prefix: 'records', tombstoneTtl: 50 });
    const write = (key: string, ttlMs: number) =>
      store.setMany('ns', [{ key, bytes, ttlMs, tags: ['t'] }]);
    await write('short', 1_000);
    await write('long', 3_600_000);
    expect(await client.pttl('records:{cache:ns}:t:t')).toBeGreaterThanOrEqual(3_600_000);
    await store.close();
  });

  it('leaves nothing in Redis that does not expire, but one epoch a namespace', async () => {
    const store = redisStore(client, { prefix: 'residue' });
    await store.setMany('ns', [{ key: 'a', bytes, ttlMs: 10_000 }]);
    await store.setMany('ns', [{ key: 'c', bytes, ttlMs: 10_000, tags: ['t'] }]);
    await store.deleteMany('ns', ['a', 'b']);
    await store.invalidateTags('ns', ['t', 'u']);
    await store.clear('ns');
    for (const key of await client.keys('residue:*')) {
      expect([key, (await client.pttl(key)) > 0]).toEqual([key, !key.endsWith(':epoch')]);
    }
    await store.close();
  });
});

describe('redis store options', () => {
  it.each([
    [{}, {}, 'Expected `connection`'],
    [{ url: '' }, {}, 'Expected `connection`'],
    [null, {}, 'Expected `connection`'],
    [{ url: 'redis://127.0.0.1:1' }, { prefix: 'a{b}' }, 'Expected `prefix`'],
    [{ url: 'redis://127.0.0.1:1' }, { tombstoneTtl: 0 }, 'Expected `tombstoneTtl`'],
    [{ url: 'redis://127.0.0.1:1' }, { heartbeat: 0 }, 'Expected `heartbeat`'],
    [{ url: 'redis://127.0.0.1:1' }, { pubsub: 'yes' }, 'Expected `pubsub`'],
    [{ url: 'redis://127.0.0.1:1' }, { prefixx: 'a' }, 'Expected `options.prefixx`'],
  ])('refuses %o, %o', (connection, options, message) => {
    expect(() => redisStore(connection as never, options as never)).toThrow(message);
  });

  it('fails at once where there is no server', async () => {
    const store = redisStore({ url: 'redis://127.0.0.1:1' });
    await expect(store.ping()).rejects.toMatchObject({ code: 'CACHE_STORE_UNAVAILABLE' });
    await store.close();
  });
});
