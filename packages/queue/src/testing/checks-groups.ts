import type { Check } from './checks.js';

/** Fair shares, limits of groups and strict order. */
export const groupChecks: readonly Check[] = [
  {
    title: 'starts the one task of a group at once, behind a thousand of another',
    needs: 'groups',
    async run(kit, expect) {
      await kit.addGroup('many', 1_000);
      expect(await kit.claimGroups('a', 5)).toEqual(Array(5).fill('many'));
      await kit.addGroup('one', 1);
      expect(await kit.claimGroups('a', 2)).toContain('one');
    },
  },
  {
    title: 'shares a queue by weight',
    needs: 'groups',
    async run(kit, expect) {
      await kit.addGroup('light', 40);
      await kit.addGroup('heavy', 40, { weight: 3 });
      const claimed = await kit.claimGroups('a', 40);
      expect(claimed.filter((group) => group === 'heavy').length).toBe(30);
    },
  },
  {
    title: 'uses the weight of the settings where the task says none',
    needs: 'groups',
    async run(kit, expect) {
      await kit.store.control('q', { groupDefaults: { weight: 1 }, groups: { b: { weight: 4 } } });
      await kit.addGroup('a', 20);
      await kit.addGroup('b', 20);
      const claimed = await kit.claimGroups('w', 20);
      expect(claimed.filter((group) => group === 'b').length).toBe(16);
    },
  },
  {
    title: 'keeps the order within a group, and priorities above shares',
    needs: 'groups',
    async run(kit, expect) {
      const low = await kit.addGroup('a', 3);
      const group = { key: 'b' };
      const [first, second] = await kit.addAll({ group, priority: 5 }, { group, priority: 5 });
      const claimed = (await kit.claim('w', 5)).map((task) => task.id);
      expect(claimed).toEqual([first, second, ...low]);
    },
  },
  {
    title: 'never has more of a group ready or leased than its cap, with eight claimers',
    needs: 'groups',
    async run(kit, expect) {
      await kit.store.control('q', { groupDefaults: { concurrency: 2 } });
      for (const key of ['a', 'b', 'c']) await kit.addGroup(key, 20);
      const workers = Array.from({ length: 8 }, (_, i) => `w${i}`);
      let [done, most] = [0, 0];
      for (let round = 0; done < 60 && round < 60; round++) {
        const claims = await Promise.all(workers.map((worker) => kit.claim(worker, 3)));
        const groups = claims.flat().map((task) => task.group);
        const counts = groups.map((group) => groups.filter((other) => other === group).length);
        most = Math.max(most, ...counts);
        const settle = claims.map((claimed) => claimed.map((task) => kit.completed(task)));
        await Promise.all(settle.map((all, index) => kit.settle(workers[index] ?? '', ...all)));
        done += groups.length;
      }
      expect(most).toBe(2);
      expect(done).toBe(60);
    },
  },
  {
    title: 'blocks what a group has no slot for, counts it, and admits it when a slot is free',
    needs: 'groups',
    async run(kit, expect) {
      await kit.store.control('q', { groups: { a: { concurrency: 1 } } });
      const [first = '', second = ''] = await kit.addGroup('a', 2);
      expect([await kit.stateOf(first), await kit.stateOf(second)]).toEqual([
        'ready',
        'blocked by group',
      ]);
      const [stats] = await kit.store.stats(['q']);
      expect(stats).toMatchObject({ blocked: 1, counts: { ready: 1, scheduled: 1 } });
      const task = await kit.claimOne('w');
      expect(await kit.claim('w', 5)).toEqual([]);
      const reply = await kit.exchange('w', { settle: [kit.retry(task, 5_000)], claim: 5 });
      expect(reply.claimed.map(({ id }) => id)).toEqual([second]);
      await kit.harness.advance(5_000);
      expect(await kit.claim('w', 5)).toEqual([]);
      expect(await kit.stateOf(first)).toBe('blocked by group');
      await kit.store.alter({ ids: [first] }, { kind: 'cancel' }, 1);
      expect(await kit.stateOf(first)).toBe('cancelled');
    },
  },
  {
    title: 'takes slots back where a cap is lowered, and gives them where it is raised',
    needs: 'groups',
    async run(kit, expect) {
      const ids = await kit.addGroup('a', 4);
      await kit.store.control('q', { groups: { a: { concurrency: 1 } } });
      expect(await Promise.all(ids.map((id) => kit.stateOf(id)))).toEqual([
        'ready',
        ...Array(3).fill('blocked by group'),
      ]);
      await kit.store.control('q', { groups: { a: { concurrency: 3 } } });
      expect((await kit.claim('w', 9)).length).toBe(3);
      await kit.store.control('q', { groups: { a: null } });
      expect((await kit.claim('w', 9)).length).toBe(1);
    },
  },
  {
    title: 'lets what comes back to a group whose cap was lowered wait for a slot',
    needs: 'groups',
    async run(kit, expect) {
      await kit.store.control('q', { groups: { a: { concurrency: 2 } } });
      const [first = ''] = await kit.addGroup('a', 2);
      const [back, held] = await kit.claim('w', 2);
      if (back === undefined || held === undefined) throw new Error('two were claimed');
      await kit.store.control('q', { groups: { a: { concurrency: 1 } } });
      expect(await kit.settle('w', kit.retry(back))).toEqual(['ok']);
      expect(await kit.stateOf(first)).toBe('blocked by group');
      expect(await kit.claim('w', 2)).toEqual([]);
      await kit.settle('w', kit.completed(held));
      expect((await kit.claim('w', 2)).map(({ id }) => id)).toEqual([first]);
    },
  },
  {
    title: 'never starts more of a group than its rate allows, and wakes up for it',
    needs: 'groups',
    async run(kit, expect) {
      const windowMs = 10_000;
      await kit.store.control('q', { groupDefaults: { rate: { max: 2, windowMs } } });
      await kit.addGroup('a', 6);
      await kit.addGroup('b', 1);
      const first = await kit.exchange('w', { claim: 9 });
      expect(first.claimed.map((task) => task.group).sort()).toEqual(['a', 'a', 'b']);
      await kit.harness.advance((first.nextDueAt ?? 0) - first.now);
      const second = await kit.exchange('w', { claim: 9 });
      expect(second.now - first.now).toBeGreaterThanOrEqual(windowMs);
      expect(second.claimed.map((task) => task.group)).toEqual(['a', 'a']);
      expect(await kit.claim('w', 9)).toEqual([]);
    },
  },
  {
    title: 'lets what failed or was handed back wait for the rate of its group, as any other',
    needs: 'groups',
    async run(kit, expect) {
      const windowMs = 10_000;
      await kit.store.control('q', { groupDefaults: { rate: { max: 2, windowMs } } });
      const ids = await kit.addGroup('a', 4);
      const [failed, back] = await kit.claim('w', 9);
      if (failed === undefined || back === undefined) throw new Error('two were claimed');
      await kit.settle('w', kit.retry(failed), kit.released(back));
      expect(await kit.claim('w', 9)).toEqual([]);
      await kit.harness.advance(windowMs / 2);
      expect(await kit.claim('w', 9)).toEqual([]);
      await kit.harness.advance(windowMs);
      expect((await kit.claim('w', 9)).map(({ id }) => id)).toEqual(ids.slice(0, 2));
    },
  },
  {
    title: 'lets a retry of a strict group that is due wait for the rate',
    needs: 'groups',
    async run(kit, expect) {
      const rate = { max: 1, windowMs: 60_000 };
      await kit.store.control('q', { groupDefaults: { rate } });
      const [first] = await kit.addGroup('a', 2, { strict: 'skip' });
      await kit.settle('w', kit.retry(await kit.claimOne('w'), 5_000));
      await kit.harness.advance(5_000);
      expect(await kit.claim('w', 9)).toEqual([]);
      await kit.harness.advance(rate.windowMs);
      expect((await kit.claim('w', 9)).map(({ id }) => id)).toEqual([first]);
    },
  },
  {
    title: 'lets a task whose lease lapsed wait for the rate of its group, before those behind it',
    needs: 'groups',
    async run(kit, expect) {
      const windowMs = 60_000;
      await kit.store.control('q', { groupDefaults: { rate: { max: 2, windowMs } } });
      const ids = await kit.addGroup('a', 4);
      const start = (await kit.exchange('w', { claim: 9 })).now;
      await kit.lapse();
      const reply = await kit.exchange('other', { claim: 9 });
      expect(reply.claimed).toEqual([]);
      expect(await kit.stateOf(ids[0] ?? '')).toBe('scheduled');
      await kit.harness.advance((reply.nextDueAt ?? 0) - reply.now);
      const next = await kit.exchange('other', { claim: 9 });
      expect(next.now - start).toBeGreaterThanOrEqual(windowMs);
      expect(next.claimed.map(({ id, epoch }) => [id, epoch])).toEqual(
        ids.slice(0, 2).map((id) => [id, 2]),
      );
      expect(await kit.claim('other', 9)).toEqual([]);
    },
  },
  {
    title:
      'lets the task of a lapsed lease that waits for a rate be settled and extended by its worker',
    needs: 'groups',
    async run(kit, expect) {
      const rate = { max: 3, windowMs: 60_000 };
      await kit.store.control('q', { groupDefaults: { rate, concurrency: 3 } });
      const ids = await kit.addGroup('a', 4);
      const [done, held, failed] = await kit.claim('w', 9);
      if (!done || !held || !failed) throw new Error('three were claimed');
      await kit.lapse();
      expect(await kit.claim('other', 9)).toEqual([]);
      expect(await kit.settle('other', kit.completed(done))).toEqual(['stale']);
      expect(await kit.extend('w', held)).toEqual(['ok']);
      expect(await kit.settle('w', kit.completed(done), kit.retry(failed))).toEqual(['ok', 'ok']);
      expect(await kit.stateOf(held.id)).toBe('leased');
      await kit.harness.advance(5_000);
      expect(await kit.extend('w', held)).toEqual(['ok']);
      await kit.lapse();
      expect(await kit.claim('other', 9)).toEqual([]);
      await kit.harness.advance(rate.windowMs);
      expect((await kit.claim('other', 9)).map(({ id }) => id)).toEqual(ids.slice(1));
      expect(await kit.settle('w', kit.completed(held))).toEqual(['stale']);
    },
  },
  {
    title:
      'does not let others of a strict group pass the one whose lease lapsed and that waits for the rate',
    needs: 'groups',
    async run(kit, expect) {
      const rate = { max: 1, windowMs: 60_000 };
      await kit.store.control('q', { groupDefaults: { rate } });
      const group = { key: 'a', strict: 'block' as const };
      const first = await kit.add({ group });
      const head = await kit.claimOne('w');
      await kit.lapse();
      await kit.add({ group, priority: 5 });
      await kit.harness.advance(rate.windowMs);
      expect((await kit.claim('w', 9)).map(({ id }) => id)).toEqual([first]);
      await kit.lapse();
      expect(await kit.settle('w', kit.dead({ ...head, epoch: 2 }))).toEqual(['ok']);
      await kit.harness.advance(2 * rate.windowMs);
      expect(await kit.claim('w', 9)).toEqual([]);
    },
  },
  {
    title: 'does not let tasks that were ready long ago pass the rate together',
    needs: 'groups',
    async run(kit, expect) {
      await kit.store.control('q', { groupDefaults: { rate: { max: 2, windowMs: 1_000 } } });
      await kit.addGroup('a', 6);
      for (let step = 0; step < 5; step++) {
        await kit.harness.advance(5_000);
        await kit.store.sweep(100);
        await kit.exchange('elsewhere', { claim: 0 });
      }
      expect((await kit.claim('w', 9)).length).toBe(2);
    },
  },
  {
    title: 'runs a strict group one at a time and in order, through retries and crashes',
    needs: 'groups',
    async run(kit, expect) {
      const ids = await kit.addGroup('a', 3, { strict: 'skip' });
      const other = await kit.add();
      const order: string[] = [];
      const first = await kit.claim('w', 9);
      expect(first.map((task) => task.id).sort()).toEqual([ids[0] ?? '', other].sort());
      const head = first.find((task) => task.id === ids[0]);
      if (head) await kit.settle('w', kit.retry(head, 5_000));
      expect(await kit.claim('w', 9)).toEqual([]);
      await kit.harness.advance(5_000);
      for (let step = 0; step < 9 && order.length < 3; step++) {
        const claimed = await kit.claim('w', 9);
        const [task] = claimed.filter((one) => one.group === 'a');
        if (task === undefined) continue;
        if (step === 0) {
          await kit.lapse(); // a crash
          continue;
        }
        order.push(task.id);
        await kit.settle('w', kit.completed(task));
      }
      expect(order).toEqual(ids);
    },
  },
  {
    title: 'goes on after a dead letter of a strict group that skips',
    needs: 'groups',
    async run(kit, expect) {
      const [, second] = await kit.addGroup('a', 2, { strict: 'skip' });
      await kit.settle('w', kit.dead(await kit.claimOne('w')));
      expect((await kit.claimOne('w')).id).toBe(second);
    },
  },
  {
    title: 'stands still after a dead letter of a strict group that blocks, until it is dealt with',
    needs: 'groups',
    async run(kit, expect) {
      const [first = '', second, third] = await kit.addGroup('a', 3, { strict: 'block' });
      await kit.settle('w', kit.dead(await kit.claimOne('w')));
      expect(await kit.claim('w', 9)).toEqual([]);
      await kit.store.alter({ ids: [first] }, { kind: 'redrive' }, 1);
      const head = await kit.claimOne('w');
      expect(head.id).toBe(first);
      await kit.settle('w', kit.completed(head));
      const next = await kit.claimOne('w');
      expect(next.id).toBe(second);
      await kit.settle('w', kit.dead(next));
      expect(await kit.claim('w', 9)).toEqual([]);
      await kit.store.alter({ ids: [next.id] }, { kind: 'remove' }, 1);
      expect((await kit.claimOne('w')).id).toBe(third);
    },
  },
  {
    title: 'lapses a lease once, however often it was extended',
    needs: 'groups',
    async run(kit, expect) {
      for (const maxAttempts of [1, 2]) {
        const id = await kit.add({ group: { key: 'a' }, maxAttempts });
        const held = await kit.claimOne('w');
        for (let times = 0; times < 3; times++) {
          expect(await kit.extend('w', held)).toEqual(['ok']);
          await kit.harness.advance(1_000);
        }
        await kit.harness.advance(9_000);
        const { lapsed, died } = await kit.store.sweep(100);
        expect([lapsed, died.length]).toEqual(maxAttempts === 1 ? [0, 1] : [1, 0]);
        const task = await kit.get(id);
        expect([task?.state, task?.history.length]).toEqual([
          maxAttempts === 1 ? 'dead' : 'ready',
          1,
        ]);
      }
    },
  },
];
