import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { findRedis, startRedis } from '../../../../test-services/redis.js';
import { tcpProxy } from '../../../../test-services/tcp-proxy.js';
import type { ClaimedTask, QueueStore } from '../../src/index.js';
import { silentLogger } from '../../src/logger.js';
import { RedisStore } from '../../src/stores/redis/store.js';
import { Kit } from '../../src/testing.js';

const PATIENCE = { timeout: 10_000, interval: 10 };

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function until<T>(thing: T, end: (thing: T) => unknown): T {
  ends.push(() => end(thing));
  return thing;
}

function storeAt(url: string): RedisStore {
  const parts = { source: { url }, prefix: 'p', logger: silentLogger, answerMs: 300 };
  return until(new RedisStore(parts), (store) => store.close());
}

const kitOf = (store: QueueStore): Kit<never> =>
  new Kit({ store, advance: async () => undefined, close: async () => undefined });

const idsOf = (claimed: readonly ClaimedTask[]): string[] => claimed.map(({ id }) => id);

async function listen(store: QueueStore, worker: string): Promise<ClaimedTask[]> {
  const taken: ClaimedTask[] = [];
  const listening = await store.onHandover?.(worker, (claimed) => taken.push(...claimed));
  ends.push(() => listening?.[Symbol.asyncDispose]());
  return taken;
}

describe.skipIf(findRedis() === undefined)('tasks handed over on Redis', () => {
  it('come with the next answer where the message was lost, and then only', async () => {
    const server = until(await startRedis(), (made) => made.stop());
    const store = storeAt(server.url);
    // Somebody listens, but it is not the process that parked the worker.
    const strange = await listen(storeAt(server.url), 'a');
    const kit = kitOf(store);
    await kit.exchange('a', { claim: 5, park: true });
    const ids = await kit.addAll({}, {}, { priority: 2 });
    const order = [ids[2], ids[0], ids[1]];
    expect((await kit.store.stats(['q']))[0]?.counts.leased).toBe(3);
    expect(strange).toEqual([]);
    const { claimed } = await kit.exchange('a');
    expect(idsOf(claimed)).toEqual(order);
    expect((await kit.exchange('a', { claim: 5 })).claimed).toEqual([]);
    expect(await kit.settle('a', ...claimed.map((task) => kit.completed(task)))).toEqual([
      'ok',
      'ok',
      'ok',
    ]);
  });

  it('come again where that answer was lost, too', async () => {
    const server = until(await startRedis(), (made) => made.stop());
    const proxy = until(await tcpProxy(server.url), (made) => made.close());
    const kit = kitOf(storeAt(proxy.url));
    const other = kitOf(storeAt(server.url));
    await listen(other.store, 'a');
    await kit.exchange('a', { claim: 5, park: true });
    const payload = JSON.stringify('x'.repeat(3_000));
    const ids = await other.addAll({ payload }, { payload });
    proxy.set({ cutAfterBytes: 4_000 }); // the request passes, and a part of the answer
    const lost = kit.exchange('a', { claim: 5, park: true });
    await expect(lost).rejects.toMatchObject({ code: 'QUEUE_STORE_UNAVAILABLE' });
    proxy.heal();
    // The lost exchange has parked it again.
    const last = await other.add();
    const again = await kit.exchange('a', { claim: 5, park: true });
    expect(new Set(idsOf(again.claimed))).toEqual(new Set([...ids, last]));
    expect(again.claimed.map(({ attempt }) => attempt)).toEqual([1, 1, 1]);
    expect((await kit.exchange('a', { claim: 5 })).claimed).toEqual([]);
  });

  it('are told of and counted like any others, one by one or many', async () => {
    const server = until(await startRedis(), (made) => made.stop());
    const store = storeAt(server.url);
    const kit = kitOf(store);
    const taken = await listen(store, 'a');
    await kit.exchange('a', { claim: 4, park: true, queues: ['q', 'other'] });
    const ids = [await kit.add(), ...(await kit.addAll({}, {})), await kit.add({ queue: 'other' })];
    await expect.poll(() => idsOf(taken), PATIENCE).toEqual(ids);
    const [event, ...others] = (await store.events({ limit: 100, waitMs: 0 })).events;
    expect(event).toMatchObject({ type: 'task.added', queue: 'q', subject: ids[0], name: 't' });
    expect(others.map(({ type, subject, epoch = 0 }) => [type, subject, epoch])).toEqual([
      ['task.started', ids[0], 1],
      ['task.added', ids[1], 0],
      ['task.added', ids[2], 0],
      ['task.started', ids[1], 1],
      ['task.started', ids[2], 1],
      ['task.added', ids[3], 0],
      ['task.started', ids[3], 1],
    ]);
    const { now } = await kit.exchange('clock');
    const minutes = await store.minutes('q', now - 120_000, now + 60_000);
    const sum = (name: 'added' | 'started'): number =>
      minutes.reduce((total, minute) => total + minute[name], 0);
    expect([sum('added'), sum('started')]).toEqual([3, 3]);
    const settled = await kit.settle('a', ...taken.map((task) => kit.completed(task)));
    expect(settled).toEqual(['ok', 'ok', 'ok', 'ok']);
  });

  it('stay in the queue, and wake, where nobody listens any more', async () => {
    const server = until(await startRedis(), (made) => made.stop());
    const store = storeAt(server.url);
    const kit = kitOf(store);
    let woken = 0;
    await store.onWake(['q'], () => woken++);
    await kit.exchange('gone', { claim: 5, park: true });
    const id = await kit.add();
    await expect.poll(() => woken, PATIENCE).toBe(1);
    expect(idsOf(await kit.claim('b', 5))).toEqual([id]);
  });

  it('stay in the queue where the producer may not publish, and what it wrote stands', async () => {
    const server = until(await startRedis(), (made) => made.stop());
    const admin = until(new Redis(server.url), (client) => client.disconnect());
    for (const rights of [['-publish', '-pubsub', 'allchannels'], ['-pubsub'], ['resetchannels']]) {
      await admin.call('ACL', 'SETUSER', 'shy', 'reset', 'on', '>pw', '~*', '+@all', ...rights);
      await admin.flushall();
      const store = storeAt(server.url);
      const kit = kitOf(store);
      const shy = kitOf(storeAt(server.url.replace('//', '//shy:pw@')));
      const taken = await listen(store, 'a');
      await kit.exchange('a', { claim: 5, park: true });
      const ids = [await shy.add(), ...(await shy.addAll({}, {}, { priority: 1 }))];
      const urgent = ids.pop();
      expect(idsOf((await kit.exchange('a', { claim: 5 })).claimed)).toEqual([urgent, ...ids]);
      // Nor do other calls fail: this one makes a task ready again.
      const claimed = await shy.claim('b', 5);
      expect(claimed).toEqual([]);
      const late = await shy.add();
      const mine = await shy.claim('b', 5);
      expect(idsOf(mine)).toEqual([late]);
      expect(await shy.settle('b', ...mine.map((task) => kit.released(task)))).toEqual(['ok']);
      expect(idsOf(await kit.claim('c', 5))).toEqual([late]);
      expect(taken).toEqual([]);
    }
  });

  it('go to as many workers as it takes, and the rest wakes', async () => {
    const server = until(await startRedis(), (made) => made.stop());
    const store = storeAt(server.url);
    const kit = kitOf(store);
    const taken = [await listen(store, 'a'), await listen(store, 'b')];
    await kit.exchange('a', { claim: 2, park: true, queues: ['other', 'q'] });
    await kit.exchange('b', { claim: 1, park: true });
    let woken = 0;
    await store.onWake(['q'], () => woken++);
    const ids = await kit.addAll({}, {}, {}, {});
    await expect.poll(() => taken.flat().length, PATIENCE).toBe(3);
    expect(new Set(idsOf(taken.flat()))).toEqual(new Set(ids.slice(0, 3)));
    await expect.poll(() => woken, PATIENCE).toBe(1);
    const keys = await until(new Redis(server.url), (client) => client.disconnect()).keys('*');
    expect(keys.filter((key) => key.includes(':parked:'))).toEqual([]);
  });
});
