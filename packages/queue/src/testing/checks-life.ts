import type { Check } from './checks.js';

/** Delays, retries, dead letters, management. */
export const lifeChecks: readonly Check[] = [
  {
    title: 'starts a delayed task never early, and in the first exchange after',
    async run(kit, expect) {
      const { now } = await kit.exchange('a');
      const later = await kit.add({ when: { delayMs: 5_000 } });
      const at = await kit.add({ when: { atMs: Math.floor(now) + 3_000 } });
      await kit.harness.advance(2_000);
      const reply = await kit.exchange('a', { claim: 5 });
      expect(reply.claimed).toEqual([]);
      expect(Math.round((reply.nextDueAt ?? 0) - now)).toBe(3_000);
      await kit.harness.advance(1_001);
      expect((await kit.claim('a', 5)).map((task) => task.id)).toEqual([at]);
      await kit.harness.advance(2_000);
      expect((await kit.claim('a', 5)).map((task) => task.id)).toEqual([later]);
    },
  },
  {
    title: 'starts a task whose time is past at once',
    async run(kit, expect) {
      const id = await kit.add({ when: { atMs: 0 } });
      expect((await kit.claimOne('a')).id).toBe(id);
    },
  },
  {
    title: 'runs a failed task again after its wait, with its history',
    async run(kit, expect) {
      const id = await kit.add();
      await kit.settle('a', kit.retry(await kit.claimOne('a'), 1_000));
      expect(await kit.claim('a')).toEqual([]);
      expect(await kit.get(id)).toMatchObject({
        state: 'scheduled',
        worker: null,
        leaseUntil: null,
      });
      await kit.harness.advance(1_000);
      expect(await kit.claimOne('a')).toMatchObject({ id, attempt: 2 });
      const entry = { kind: 'error', attempt: 1, epoch: 1, message: 'no\u0000 good' };
      expect((await kit.get(id))?.history[0]).toMatchObject(entry);
    },
  },
  {
    title: 'keeps a dead letter with payload and history, and gives it to nobody',
    async run(kit, expect) {
      const id = await kit.add({ payload: '{"a":1}', headers: { h: '1' } });
      await kit.settle('a', kit.retry(await kit.claimOne('a')));
      await kit.settle('a', kit.dead(await kit.claimOne('a')));
      const record = await kit.get(id);
      expect(record).toMatchObject({
        state: 'dead',
        payload: '{"a":1}',
        headers: { h: '1' },
        attempts: 2,
      });
      expect(record?.history.map((entry) => entry.epoch)).toEqual([1, 2]);
      await kit.lapse();
      expect(await kit.claim('a')).toEqual([]);
    },
  },
  {
    title: 'makes a task whose last lease ran out a dead letter',
    async run(kit, expect) {
      const id = await kit.add({ maxAttempts: 2 });
      await kit.claimOne('a');
      await kit.lapse();
      await kit.claimOne('b');
      await kit.harness.advance(10_000);
      expect((await kit.store.sweep(100)).died).toEqual([{ id, queue: 'q', name: 't' }]);
      const record = await kit.get(id);
      expect(record?.state).toBe('dead');
      expect(record?.history.map(({ kind, worker }) => [kind, worker])).toEqual([
        ['lapsed', 'a'],
        ['lapsed', 'b'],
      ]);
    },
  },
  {
    title: 'redrives a dead letter with all its attempts, its id, payload and history',
    async run(kit, expect) {
      const id = await kit.addDead({ payload: '[7]', maxAttempts: 1 });
      const change = { kind: 'redrive', by: 'ann', reason: 'fixed' } as const;
      expect(await kit.store.alter({ ids: [id] }, change, 10)).toEqual([id]);
      expect(await kit.claimOne('a')).toMatchObject({
        id,
        payload: '[7]',
        attempt: 1,
        epoch: 2,
        maxAttempts: 1,
      });
      const history = (await kit.get(id))?.history;
      expect(history?.map((entry) => entry.kind)).toEqual(['error', 'redriven']);
      expect(history?.[1]).toMatchObject({ by: 'ann', reason: 'fixed', attempt: 1 });
    },
  },
  {
    title: 'redrives once when many do it at once',
    async run(kit, expect) {
      const ids = [await kit.addDead(), await kit.addDead()];
      const all = await Promise.all(
        Array.from({ length: 5 }, () =>
          kit.store.alter({ states: ['dead'] }, { kind: 'redrive' }, 10),
        ),
      );
      expect(all.flat().sort()).toEqual(ids);
      expect((await kit.claim('a', 10)).length).toBe(2);
    },
  },
  {
    title: 'redrives what the filter matches, oldest first, up to the limit',
    async run(kit, expect) {
      const ids = [await kit.addDead(), await kit.addDead(), await kit.addDead({ name: 'other' })];
      const redrive = { kind: 'redrive' } as const;
      expect(await kit.store.alter({ queue: 'q', name: 't' }, redrive, 1)).toEqual([ids[0]]);
      expect(await kit.store.alter({ queue: 'q', name: 't' }, redrive, 9)).toEqual([ids[1]]);
      expect((await kit.get(ids[2] ?? ''))?.state).toBe('dead');
    },
  },
  {
    title: 'cancels what waits, and nothing else',
    async run(kit, expect) {
      const dead = await kit.addDead();
      const leased = await kit.add();
      await kit.claimOne('a');
      const [ready, scheduled] = [await kit.add(), await kit.add({ when: { delayMs: 99_000 } })];
      const cancelled = await kit.store.alter({ queue: 'q' }, { kind: 'cancel', by: 'bob' }, 10);
      expect(cancelled).toEqual([ready, scheduled]);
      expect((await kit.get(ready))?.history[0]).toMatchObject({ kind: 'cancelled', by: 'bob' });
      expect([(await kit.get(dead))?.state, (await kit.get(leased))?.state]).toEqual([
        'dead',
        'leased',
      ]);
      await kit.harness.advance(100_000);
      expect(await kit.claim('b')).toEqual([]);
    },
  },
  {
    title: 'does not settle a task that was cancelled after its lease ran out',
    async run(kit, expect) {
      const id = await kit.add();
      const task = await kit.claimOne('a');
      await kit.lapse();
      await kit.store.alter({ ids: [id] }, { kind: 'cancel' }, 1);
      expect(await kit.settle('a', kit.completed(task))).toEqual(['stale']);
      expect((await kit.get(id))?.state).toBe('cancelled');
    },
  },
  {
    title: 'removes anything but what is leased',
    async run(kit, expect) {
      const dead = await kit.addDead();
      const leased = await kit.add();
      await kit.claimOne('a');
      const ready = await kit.add();
      expect(await kit.store.alter({ queue: 'q' }, { kind: 'remove' }, 10)).toEqual([dead, ready]);
      expect(
        (await kit.store.find({}, { order: 'oldest', limit: 10 })).map((task) => task.id),
      ).toEqual([leased]);
    },
  },
  {
    title: 'drops finished tasks when their retention is over, and keeps no trace where it is none',
    async run(kit, expect) {
      const dead = await kit.addDead();
      const kept = await kit.add();
      await kit.settle('a', kit.completed(await kit.claimOne('a')));
      const none = await kit.add({ keepCompletedMs: 0 });
      await kit.settle('a', kit.completed(await kit.claimOne('a')));
      expect(await kit.get(none)).toBe(undefined);
      await kit.harness.advance(59_999);
      expect((await kit.store.sweep(100)).pruned).toBe(0);
      await kit.harness.advance(1);
      expect((await kit.store.sweep(100)).pruned).toBe(1);
      expect([(await kit.get(kept))?.state, (await kit.get(dead))?.state]).toEqual([
        undefined,
        'dead',
      ]);
      await kit.harness.advance(3_600_000);
      await kit.store.sweep(100);
      expect(await kit.get(dead)).toBe(undefined);
    },
  },
  {
    title: 'pages through tasks of all states by id, without gaps or doubles',
    async run(kit, expect) {
      await kit.addDead();
      for (let i = 0; i < 5; i++) await kit.add();
      await kit.claim('a', 2);
      const newest = await kit.store.find({ queue: 'q' }, { order: 'newest', limit: 100 });
      const ids = newest.map((task) => task.id);
      expect(ids).toEqual([...ids].sort().reverse());
      expect(ids.length).toBe(6);
      const paged: string[] = [];
      for (let after: string | undefined; ; after = paged.at(-1)) {
        const page = await kit.store.find(
          {},
          { order: 'oldest', limit: 2, ...(after === undefined ? {} : { after }) },
        );
        if (page.length === 0) break;
        paged.push(...page.map((task) => task.id));
        await kit.add({ id: `00000000-0000-7000-8000-${String(paged.length).padStart(12, '0')}` });
      }
      expect(paged).toEqual([...ids].reverse());
    },
  },
  {
    title: 'counts what it finds',
    async run(kit, expect) {
      await kit.addDead();
      for (let i = 0; i < 4; i++) await kit.add();
      const [done, back] = await kit.claim('a', 3);
      if (!done || !back) throw new Error('three tasks were claimed');
      await kit.settle('a', kit.completed(done), kit.released(back, 5_000));
      await kit.add({ queue: 'r', when: { delayMs: 1_000 } });
      const stats = await kit.store.stats();
      expect(stats.map(({ queue, counts }) => [queue, counts])).toEqual([
        ['q', { ready: 1, scheduled: 1, leased: 1, completed: 1, dead: 1, cancelled: 0 }],
        ['r', { ready: 0, scheduled: 1, leased: 0, completed: 0, dead: 0, cancelled: 0 }],
      ]);
      for (const { queue, counts } of stats) {
        for (const [state, count] of Object.entries(counts)) {
          const found = await kit.store.find(
            { queue, states: [state as keyof typeof counts] },
            { order: 'oldest', limit: 100 },
          );
          expect(found.length).toBe(count);
        }
      }
      const [empty] = await kit.store.stats(['never used']);
      expect(empty).toMatchObject({ queue: 'never used', paused: false, oldestReadyAt: null });
    },
  },
  {
    title: 'lists queues page by page, whatever is added meanwhile',
    async run(kit, expect) {
      await kit.store.control('c', { paused: true });
      await kit.addDead();
      await kit.addAll({ queue: 'b' }, { queue: 'e', when: { delayMs: 9_000 } }, { queue: 'd' });
      await kit.exchange('w', { claim: 1, queues: ['d'] });
      const seen: string[] = [];
      for (let turn = 0; turn < 4; turn++) {
        const after = seen.at(-1);
        const page = { limit: 2, ...(after === undefined ? {} : { after }) };
        seen.push(...(await kit.store.stats(page)).map(({ queue }) => queue));
        // Before what was read: not seen. After it: seen.
        if (turn === 0) await kit.addAll({ queue: 'a' }, { queue: 'r' });
      }
      expect(seen).toEqual(['b', 'c', 'd', 'e', 'q', 'r']);
      const [first] = await kit.store.stats({ limit: 1, after: 'c' });
      expect(first).toMatchObject({ queue: 'd', counts: { leased: 1 } });
    },
  },
  {
    title: 'says since when the oldest ready task has been due',
    async run(kit, expect) {
      await kit.add();
      const due = (await kit.store.stats(['q']))[0]?.oldestReadyAt ?? 0;
      await kit.harness.advance(4_000);
      await kit.add();
      const [stats] = await kit.store.stats(['q']);
      expect(Math.round((stats?.now ?? 0) - (stats?.oldestReadyAt ?? 0))).toBeGreaterThanOrEqual(
        4_000,
      );
      expect(stats?.oldestReadyAt).toBe(due);
    },
  },
  {
    title: 'says the time by its own clock, also of a queue that it knows nothing of',
    async run(kit, expect) {
      await kit.harness.advance(86_400_000);
      const { now } = await kit.exchange('clock');
      const [stats] = await kit.store.stats(['nothing']);
      expect(Math.abs((stats?.now ?? 0) - now) < 3_600_000).toBe(true);
    },
  },
  {
    title: 'refuses every call after it was closed',
    async run(kit, expect) {
      await kit.store.close();
      await kit.store.close();
      const code = await kit.exchange('a').catch((error: { code?: string }) => error.code);
      expect(code).toBe('QUEUE_CLOSED');
    },
  },
];
