import type { Check } from './checks.js';

/** Claims, leases and the fence. */
export const leaseChecks: readonly Check[] = [
  {
    title: 'gives a task to one of many claimers at once',
    async run(kit, expect) {
      const ids = new Set<string>();
      for (let i = 0; i < 40; i++) ids.add(await kit.add());
      const workers = Array.from({ length: 8 }, (_, i) => `w${i}`);
      const claims = (await Promise.all(workers.map((worker) => kit.claim(worker, 10)))).flat();
      expect(new Set(claims.map((task) => task.id)).size).toBe(claims.length);
      const rest = await kit.claim('late', 100);
      expect(new Set([...claims, ...rest].map((task) => task.id))).toEqual(ids);
    },
  },
  {
    title: 'claims no more than the limit, over several queues in their order',
    async run(kit, expect) {
      for (const queue of ['q', 'r', 'q', 'r']) await kit.add({ queue });
      const reply = await kit.exchange('a', { claim: 3, queues: ['r', 'q'] });
      expect(reply.claimed.map((task) => task.queue)).toEqual(['r', 'r', 'q']);
    },
  },
  {
    title: 'claims the largest priority first, then what came first',
    async run(kit, expect) {
      const priorities = [0, 5, -3, 5, 0, 32_767, -32_768];
      const tasks = priorities.map((priority) => kit.task({ priority }));
      await kit.store.enqueue(tasks);
      const order = [5, 1, 3, 0, 4, 2, 6].map((index) => tasks[index]?.id);
      expect((await kit.claim('a', 10)).map((task) => task.id)).toEqual(order);
    },
  },
  {
    title: 'raises the epoch with every claim',
    async run(kit, expect) {
      await kit.add({ maxAttempts: 10 });
      for (const epoch of [1, 2, 3]) {
        const task = await kit.claimOne('a');
        expect(task.epoch).toBe(epoch);
        expect(task.attempt).toBe(epoch);
        await kit.settle('a', kit.retry(task));
      }
    },
  },
  {
    title: 'gives its holder a task once, however often it asks for more',
    async run(kit, expect) {
      await kit.add();
      await kit.claimOne('a');
      for (let i = 0; i < 4; i++)
        expect((await kit.exchange('a', { claim: 5 })).claimed).toEqual([]);
      const next = await kit.add();
      expect((await kit.claim('a', 5)).map((task) => task.id)).toEqual([next]);
      expect((await kit.exchange('a', { claim: 5 })).claimed).toEqual([]);
    },
  },
  {
    title: 'keeps a task leased until its lease is over, and no longer',
    async run(kit, expect) {
      const id = await kit.add();
      await kit.claimOne('a');
      await kit.harness.advance(9_999);
      expect((await kit.store.sweep(100)).lapsed).toBe(0);
      expect(await kit.claim('b')).toEqual([]);
      await kit.harness.advance(1);
      expect((await kit.store.sweep(100)).lapsed).toBe(1);
      expect(await kit.claimOne('b')).toMatchObject({ id, epoch: 2, attempt: 2 });
      expect((await kit.get(id))?.history.map((entry) => entry.kind)).toEqual(['lapsed']);
    },
  },
  {
    title: 'keeps a lease that is extended',
    async run(kit, expect) {
      await kit.add();
      const task = await kit.claimOne('a');
      for (let i = 0; i < 3; i++) {
        await kit.harness.advance(6_000);
        expect((await kit.exchange('a', { extend: [task] })).extended).toEqual(['ok']);
      }
      expect((await kit.store.sweep(100)).lapsed).toBe(0);
    },
  },
  {
    title: 'lets nobody with an older epoch settle, extend or change anything',
    async run(kit, expect) {
      const id = await kit.add();
      const stale = await kit.claimOne('a');
      await kit.lapse();
      const current = await kit.claimOne('b');
      const before = await kit.get(id);
      for (const settlement of [
        kit.completed(stale, '1'),
        kit.retry(stale),
        kit.dead(stale),
        kit.released(stale),
      ]) {
        expect(await kit.settle('a', settlement)).toEqual(['stale']);
      }
      expect((await kit.exchange('a', { extend: [stale] })).extended).toEqual(['lost']);
      expect(await kit.get(id)).toEqual(before);
      expect(await kit.settle('b', kit.completed(current))).toEqual(['ok']);
      expect(await kit.settle('a', kit.completed(stale, '1'))).toEqual(['stale']);
      expect((await kit.get(id))?.result).toBe(null);
    },
  },
  {
    title: 'lets no other worker settle under the same epoch',
    async run(kit, expect) {
      await kit.add();
      const task = await kit.claimOne('a');
      expect(await kit.settle('b', kit.completed(task))).toEqual(['stale']);
      expect((await kit.exchange('b', { extend: [task] })).extended).toEqual(['lost']);
      expect(await kit.settle('a', kit.completed(task))).toEqual(['ok']);
    },
  },
  {
    title: 'lets a lease run out although another worker tried to settle it',
    async run(kit, expect) {
      const many = 40;
      await kit.addAll(...Array.from({ length: many }, () => ({})));
      for (let turn = 0; turn < many; turn++) {
        const task = await kit.claimOne('a');
        await kit.settle('b', kit.completed(task));
      }
      await kit.harness.advance(10_000);
      await kit.claim('b');
      expect((await kit.store.sweep(100)).lapsed).toBe(many);
    },
  },
  {
    title: 'accepts a settlement after the lease ran out while nobody took over',
    async run(kit, expect) {
      const id = await kit.add();
      const task = await kit.claimOne('a');
      await kit.lapse();
      expect(await kit.settle('a', kit.completed(task, '"late"'))).toEqual(['ok']);
      expect(await kit.get(id)).toMatchObject({ state: 'completed', result: '"late"' });
      expect(await kit.claim('b')).toEqual([]);
    },
  },
  {
    title: 'gives a lapsed lease back to its holder while nobody took over',
    async run(kit, expect) {
      await kit.add();
      const task = await kit.claimOne('a');
      await kit.lapse();
      expect((await kit.exchange('a', { extend: [task] })).extended).toEqual(['ok']);
      expect(await kit.claim('b')).toEqual([]);
      expect(await kit.settle('a', kit.completed(task))).toEqual(['ok']);
    },
  },
  {
    title: 'takes a settlement once, however often it is sent',
    async run(kit, expect) {
      await kit.add();
      await kit.add();
      const [first, second] = await kit.claim('a', 2);
      if (!first || !second) throw new Error('two tasks were enqueued');
      expect(await kit.settle('a', kit.completed(first), kit.completed(first))).toEqual([
        'ok',
        'stale',
      ]);
      expect(await kit.settle('a', kit.completed(first))).toEqual(['stale']);
      expect(await kit.settle('a', kit.retry(second))).toEqual(['ok']);
      expect(await kit.settle('a', kit.completed(second))).toEqual(['stale']);
      expect((await kit.exchange('a', { extend: [second] })).extended).toEqual(['lost']);
    },
  },
  {
    title: 'settles, extends and claims in one exchange',
    async run(kit, expect) {
      for (let i = 0; i < 4; i++) await kit.add();
      const [done, again, held] = await kit.claim('a', 3);
      if (!done || !again || !held) throw new Error('three tasks were claimed');
      const reply = await kit.exchange('a', {
        settle: [kit.completed(done), kit.retry(again)],
        extend: [held],
        claim: 5,
      });
      expect(reply.settled).toEqual(['ok', 'ok']);
      expect(reply.extended).toEqual(['ok']);
      // The one to be repeated is due at once, and came before the fourth.
      expect(reply.claimed.map((task) => task.attempt)).toEqual([2, 1]);
    },
  },
  {
    title: 'charges no attempt for a claim that was handed back, and keeps its epoch',
    async run(kit, expect) {
      await kit.add({ maxAttempts: 1 });
      for (const epoch of [1, 2, 3]) {
        const task = await kit.claimOne('a');
        expect(task).toMatchObject({ epoch, attempt: 1 });
        await kit.settle('a', kit.released(task));
      }
    },
  },
  {
    title: 'stops claims from a paused queue at once, but settles and extends',
    async run(kit, expect) {
      await kit.add();
      await kit.add();
      const task = await kit.claimOne('a');
      await kit.store.control('q', { paused: true, reason: 'fire', by: 'ann' });
      const reply = await kit.exchange('a', { extend: [task], claim: 5 });
      expect(reply).toMatchObject({ extended: ['ok'], claimed: [] });
      expect(await kit.settle('a', kit.completed(task))).toEqual(['ok']);
      expect((await kit.store.stats(['q']))[0]).toMatchObject({
        paused: true,
        pausedReason: 'fire',
        pausedBy: 'ann',
      });
      await kit.store.control('q', { paused: false });
      expect((await kit.claim('a', 5)).length).toBe(1);
    },
  },
];
