import type { Check } from './checks.js';

/** Cancelling what runs, editing, filters, moving, progress, and completing in a transaction. */
export const changeChecks: readonly Check[] = [
  {
    title: 'tells the holder of a task that was cancelled, and records no other end',
    needs: 'cancel',
    async run(kit, expect) {
      const [id = ''] = await kit.addAll({ keepCompletedMs: 9_000 });
      const task = await kit.claimOne('a');
      const cancel = { kind: 'cancel', running: true, by: 'ann', reason: 'mistake' } as const;
      expect(await kit.store.alter({ ids: [id] }, cancel, 1)).toEqual([id]);
      expect(await kit.store.alter({ ids: [id] }, cancel, 1)).toEqual([]);
      expect(await kit.get(id)).toMatchObject({ state: 'leased', cancelRequested: true });
      expect(await kit.extend('a', task)).toEqual(['cancel']);
      const reply = await kit.exchange('a', { settle: [kit.completed(task, '"done"')] });
      expect(reply).toMatchObject({ settled: ['ok'], cancelled: [0] });
      expect(await kit.get(id)).toMatchObject({
        state: 'cancelled',
        result: null,
        history: [{ kind: 'cancelled', by: 'ann', reason: 'mistake' }],
      });
    },
  },
  {
    title: 'ends a cancelled task as cancelled when it fails, is handed back or its worker crashes',
    needs: 'cancel',
    async run(kit, expect) {
      const ids = await kit.addAll({}, {}, {}, {});
      const [a, b, c] = await kit.claim('a', 4);
      const cancel = { kind: 'cancel', running: true } as const;
      expect(await kit.store.alter({ queue: 'q' }, cancel, 10)).toEqual(ids);
      if (!a || !b || !c) throw new Error('four were claimed');
      const settle = [kit.retry(a), kit.dead(b), kit.released(c)];
      expect((await kit.exchange('a', { settle })).cancelled).toEqual([0, 1, 2]);
      await kit.lapse();
      for (const id of ids) expect(await kit.stateOf(id)).toBe('cancelled');
      expect(await kit.claim('b', 9)).toEqual([]);
    },
  },
  {
    title: 'redrives with another payload, and says so in the history',
    needs: 'redrive',
    async run(kit, expect) {
      const id = await kit.addDead({ payload: '{"to":"x"}' });
      const change = { kind: 'redrive', payload: '{"to":"y"}', by: 'ann' } as const;
      await kit.store.alter({ ids: [id] }, change, 1);
      expect((await kit.claimOne('a')).payload).toBe('{"to":"y"}');
      expect((await kit.get(id))?.history.at(-1)).toMatchObject({ kind: 'redriven', edited: true });
    },
  },
  {
    title: 'redrives many spread in time',
    needs: 'redrive',
    async run(kit, expect) {
      for (let i = 0; i < 3; i++) await kit.addDead();
      const change = { kind: 'redrive', everyMs: 1_000 } as const;
      expect((await kit.store.alter({ states: ['dead'] }, change, 10)).length).toBe(3);
      for (let i = 0; i < 3; i++) {
        expect((await kit.claim('a', 9)).length).toBe(1);
        await kit.harness.advance(1_000);
      }
    },
  },
  {
    title: 'finds tasks by group, error and time of their end',
    needs: 'filters',
    async run(kit, expect) {
      const failed = await kit.addDead({ group: { key: 'g' } });
      const from = (await kit.get(failed))?.finishedAt ?? 0;
      await kit.harness.advance(1_000);
      const later = await kit.addDead();
      const find = async (filter: object): Promise<string[]> =>
        (await kit.store.find(filter, { order: 'oldest', limit: 9 })).map((task) => task.id);
      expect(await find({ group: 'g' })).toEqual([failed]);
      expect(await find({ error: 'Error' })).toEqual([failed, later]);
      expect(await find({ error: 'TypeError' })).toEqual([]);
      expect(await find({ finishedFrom: from, finishedTo: from + 1_000 })).toEqual([failed]);
      expect(await find({ finishedFrom: from + 1 })).toEqual([later]);
      expect(await find({ blockedBy: 'group' })).toEqual([]);
      const remove = { kind: 'remove' } as const;
      expect(await kit.store.alter({ finishedTo: from + 1 }, remove, 9)).toEqual([failed]);
    },
  },
  {
    title: 'makes a scheduled task due, and leaves others alone',
    needs: 'edits',
    async run(kit, expect) {
      const [ready, later] = await kit.addAll({ priority: -1 }, { when: { delayMs: 60_000 } });
      expect(await kit.store.edit?.({ queue: 'q' }, { kind: 'promote' }, 9)).toEqual([later]);
      expect((await kit.claim('a', 9)).map((task) => task.id)).toEqual([later, ready]);
    },
  },
  {
    title: 'gives waiting tasks another priority, but for those that have it',
    needs: 'edits',
    async run(kit, expect) {
      const [a = '', b = '', c = ''] = await kit.addAll({}, {}, { when: { delayMs: 1_000 } });
      const change = { kind: 'reprioritise', priority: 7 } as const;
      expect(await kit.store.edit?.({ ids: [b, c] }, change, 1)).toEqual([b]);
      expect(await kit.store.edit?.({ ids: [b, c] }, change, 1)).toEqual([c]);
      expect(await kit.store.edit?.({ ids: [b, c] }, change, 1)).toEqual([]);
      await kit.harness.advance(1_000);
      const claimed = await kit.claim('w', 9);
      expect(claimed.map(({ id, priority }) => [id, priority])).toEqual([
        [b, 7],
        [c, 7],
        [a, 0],
      ]);
      expect(await kit.store.edit?.({ ids: [a] }, change, 9)).toEqual([]);
    },
  },
  {
    title: 'moves tasks to another queue, unless their key is taken there',
    needs: 'move',
    async run(kit, expect) {
      const key = { value: 'k', ttlMs: 60_000 };
      const dead = await kit.addDead();
      const [ready, keyed] = await kit.addAll({}, { key });
      await kit.add({ queue: 'r', key });
      const move = { kind: 'move', queue: 'r' } as const;
      expect(await kit.store.edit?.({ queue: 'q' }, move, 9)).toEqual([dead, ready]);
      expect((await kit.claim('w', 9)).map((task) => task.id)).toEqual([keyed]);
      const moved = await kit.exchange('w', { claim: 9, queues: ['r'] });
      expect(moved.claimed.map(({ id, queue }) => [id, queue]).at(-1)).toEqual([ready, 'r']);
      expect((await kit.store.stats(['r']))[0]?.counts).toMatchObject({ dead: 1, leased: 2 });
    },
  },
  {
    title: 'shares a queue fairly with the group of a dead task that was moved there and redriven',
    needs: 'move',
    async run(kit, expect) {
      const ids = [await kit.addDead({ group: { key: 'g' } })];
      expect(await kit.store.edit?.({ ids }, { kind: 'move', queue: 'r' }, 1)).toEqual(ids);
      expect(await kit.store.alter({ ids }, { kind: 'redrive' }, 1)).toEqual(ids);
      const claim = async (limit: number): Promise<(string | undefined)[]> => {
        const { claimed } = await kit.exchange('w', { claim: limit, queues: ['r'] });
        return claimed.map(({ group }) => group);
      };
      expect(await claim(1)).toEqual(['g']);
      for (const key of ['g', 'h']) await kit.add({ queue: 'r', group: { key } });
      expect(await claim(2)).toEqual(['g', 'h']);
    },
  },
  {
    title: 'keeps what a handler reports, from the holder of the lease only',
    needs: 'progress',
    async run(kit, expect) {
      const id = await kit.add();
      const { epoch } = await kit.claimOne('a');
      expect(await kit.extend('a', { id, epoch, progress: '0.5' })).toEqual(['ok']);
      expect(await kit.extend('b', { id, epoch, progress: '0.9' })).toEqual(['lost']);
      expect((await kit.get(id))?.progress).toBe('0.5');
    },
  },
  {
    title: 'completes a task in a transaction, or not at all',
    needs: 'completeIn',
    async run(kit, expect) {
      const id = await kit.add();
      const { epoch } = await kit.claimOne('a');
      const lease = { id, epoch, result: '1' };
      const complete = (worker: string, fail: boolean): Promise<unknown> | undefined =>
        kit.harness.transaction?.(async (tx) => {
          const verdicts = await kit.store.complete?.(worker, [lease], { tx });
          expect(verdicts).toEqual([worker === 'a' ? 'ok' : 'stale']);
          if (fail) throw new Error('no');
        });
      await complete('a', true)?.catch(() => undefined);
      expect(await kit.stateOf(id)).toBe('leased');
      await complete('b', false);
      expect(await kit.stateOf(id)).toBe('leased');
      await complete('a', false);
      expect(await kit.get(id)).toMatchObject({ state: 'completed', result: '1' });
      expect(await kit.settle('a', kit.completed({ id, epoch }))).toEqual(['stale']);
    },
  },
];
