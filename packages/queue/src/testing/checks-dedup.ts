import type { NewTask, TaskKey } from '../store.js';
import type { Check } from './checks.js';
import type { Kit } from './kit.js';

const KEY = { value: 'k', ttlMs: 60_000 };

async function again<Tx>(
  kit: Kit<Tx>,
  mode: NonNullable<TaskKey['mode']>,
  part: Partial<NewTask> = {},
  key: Partial<TaskKey> = {},
): Promise<string> {
  const [outcome] = await kit.store.enqueue([kit.task({ ...part, key: { ...KEY, mode, ...key } })]);
  return `${outcome?.outcome} ${outcome?.id}`;
}

/** Keys with a mode, and keys freed on failure. */
export const dedupChecks: readonly Check[] = [
  {
    title: 'replaces what waits: the newest payload runs, and its delay begins again',
    needs: 'dedup',
    async run(kit, expect) {
      const id = await kit.add({ key: KEY, payload: '1', when: { delayMs: 5_000 } });
      await kit.harness.advance(4_000);
      const newer = {
        name: 'u',
        payload: '2',
        headers: { a: 'b' },
        priority: 3,
        maxAttempts: 9,
        when: { delayMs: 5_000 },
      };
      expect(await again(kit, 'replace', newer)).toBe(`replaced ${id}`);
      await kit.harness.advance(4_000);
      expect(await kit.claim('a')).toEqual([]);
      await kit.harness.advance(1_000);
      const { when: _, ...seen } = newer;
      expect(await kit.claimOne('a')).toMatchObject({ id, ...seen });
      expect(await kit.claim('a')).toEqual([]);
    },
  },
  {
    title: 'merges lists and objects into what waits, which runs when it would have',
    needs: 'dedup',
    async run(kit, expect) {
      const id = await kit.add({ key: KEY, payload: '[]', when: { delayMs: 5_000 } });
      expect(await again(kit, 'merge', { payload: '[1]' })).toBe(`merged ${id}`);
      expect(await again(kit, 'merge', { payload: '["]","\\u0000"]' })).toBe(`merged ${id}`);
      expect(await again(kit, 'merge', { payload: '[]' })).toBe(`merged ${id}`);
      expect(await again(kit, 'merge', { payload: '{"a":1}' })).toBe(`duplicate ${id}`);
      expect(await again(kit, 'merge', { payload: '7' })).toBe(`duplicate ${id}`);
      const long = { maxMergedChars: 17 };
      expect(await again(kit, 'merge', { payload: '[22]' }, long)).toBe(`duplicate ${id}`);
      await kit.harness.advance(5_000);
      expect((await kit.claimOne('a')).payload).toBe('[1,"]","\\u0000"]');
      const key = { ...KEY, value: 'object' };
      const other = await kit.add({ key, payload: '{"a":1,"b":1}' });
      const [merged] = await kit.store.enqueue([
        kit.task({ key: { ...key, mode: 'merge' }, payload: '{"b":2,"c":3}' }),
      ]);
      expect(merged).toEqual({ outcome: 'merged', id: other });
      expect(JSON.parse((await kit.claimOne('a')).payload)).toEqual({ a: 1, b: 2, c: 3 });
    },
  },
  {
    title: 'never replaces or merges a task that was claimed, or that is finished',
    needs: 'dedup',
    async run(kit, expect) {
      const id = await kit.add({ key: KEY, payload: '[1]' });
      const unchanged = async (): Promise<void> => {
        expect(await again(kit, 'replace', { payload: '[2]' })).toBe(`duplicate ${id}`);
        expect(await again(kit, 'merge', { payload: '[2]' })).toBe(`duplicate ${id}`);
        expect((await kit.get(id))?.payload).toBe('[1]');
      };
      const task = await kit.claimOne('a');
      await unchanged();
      await kit.settle('a', kit.retry(task, 5_000));
      await unchanged();
      await kit.harness.advance(5_000);
      await kit.settle('a', kit.completed(await kit.claimOne('a')));
      await unchanged();
    },
  },
  {
    title: 'makes one task of many that replace or merge each other in one batch and at once',
    needs: 'dedup',
    async run(kit, expect) {
      const key = { ...KEY, mode: 'merge' } as const;
      const batch = [1, 2, 3].map((n) => kit.task({ key, payload: `[${n}]` }));
      const outcomes = await kit.store.enqueue(batch);
      expect(outcomes.map((o) => o.outcome)).toEqual(['added', 'merged', 'merged']);
      const more = Array.from({ length: 10 }, () => kit.task({ key, payload: '[4]' }));
      await Promise.all(more.map((task) => kit.store.enqueue([task])));
      const claimed = await kit.claim('a', 10);
      expect(claimed.map((task) => task.payload)).toEqual([`[1,2,3${',4'.repeat(10)}]`]);
    },
  },
  {
    title: 'holds a key without a time while its task is live, and no longer',
    async run(kit, expect) {
      const key = { value: 'k', ttlMs: 0 };
      const id = await kit.add({ key });
      const [second] = await kit.store.enqueue([kit.task({ key })]);
      expect(second).toEqual({ outcome: 'duplicate', id });
      await kit.settle('a', kit.completed(await kit.claimOne('a')));
      expect((await kit.store.enqueue([kit.task({ key })]))[0]?.outcome).toBe('added');
    },
  },
  {
    title: 'frees a key on failure where that was asked for',
    needs: 'dedup',
    async run(kit, expect) {
      const key = { ...KEY, freeOnFailure: true };
      await kit.addDead({ key });
      const id = await kit.add({ key });
      await kit.store.alter({ ids: [id] }, { kind: 'cancel' }, 1);
      const done = await kit.add({ key });
      await kit.settle('a', kit.completed(await kit.claimOne('a')));
      expect(await kit.store.enqueue([kit.task({ key })])).toEqual([
        { outcome: 'duplicate', id: done },
      ]);
    },
  },
  {
    title: 'frees a key when its task starts, and never gives it back, where that was asked for',
    needs: 'dedup',
    async run(kit, expect) {
      const key = { value: 'k', ttlMs: 60_000, freeOnStart: true };
      const first = await kit.add({ key });
      expect(await kit.store.enqueue([kit.task({ key })])).toEqual([
        { outcome: 'duplicate', id: first },
      ]);
      const claimed = await kit.claimOne('a');
      const second = kit.task({ key, when: { delayMs: 5_000 } });
      expect((await kit.store.enqueue([second]))[0]?.outcome).toBe('added');
      // Whatever becomes of the first, the second holds the key while it waits.
      await kit.settle('a', kit.released(claimed));
      await kit.settle('a', kit.retry(await kit.claimOne('a')));
      await kit.settle('a', kit.dead(await kit.claimOne('a')));
      expect(await kit.store.alter({ ids: [first] }, { kind: 'redrive' }, 1)).toEqual([first]);
      expect(await kit.store.enqueue([kit.task({ key })])).toEqual([
        { outcome: 'duplicate', id: second.id },
      ]);
      expect(await again(kit, 'replace', { payload: '2' })).toBe(`replaced ${second.id}`);
      expect((await kit.claim('a', 9)).map((task) => task.id)).toEqual([second.id, first]);
      expect((await kit.get(second.id))?.key).toBe('k');
    },
  },
  {
    title: 'frees a key that a start frees also when its task ends without one',
    needs: 'dedup',
    async run(kit, expect) {
      const key = { value: 'k', ttlMs: 0, freeOnStart: true };
      const id = await kit.add({ key });
      await kit.store.alter({ ids: [id] }, { kind: 'cancel' }, 1);
      expect((await kit.store.enqueue([kit.task({ key })]))[0]?.outcome).toBe('added');
    },
  },
  {
    title: 'takes a key that a start frees along to another queue',
    needs: 'move',
    async run(kit, expect) {
      const key = { value: 'k', ttlMs: 0, freeOnStart: true };
      const id = await kit.add({ key });
      await kit.store.edit?.({ ids: [id] }, { kind: 'move', queue: 'r' }, 1);
      expect(await kit.store.enqueue([kit.task({ key, queue: 'r' })])).toEqual([
        { outcome: 'duplicate', id },
      ]);
      await kit.exchange('a', { claim: 1, queues: ['r'] });
      const freed = kit.task({ key, queue: 'r' });
      expect((await kit.store.enqueue([freed]))[0]?.outcome).toBe('added');
    },
  },
  {
    title: 'does not redrive a dead letter whose key another task took over',
    needs: 'dedup',
    async run(kit, expect) {
      const dead = await kit.addDead({ key: KEY });
      await kit.harness.advance(KEY.ttlMs);
      const other = await kit.addDead({ key: KEY });
      await kit.harness.advance(KEY.ttlMs);
      expect(await kit.store.alter({ states: ['dead'] }, { kind: 'redrive' }, 10)).toEqual([dead]);
      expect(await kit.store.alter({ ids: [other] }, { kind: 'redrive' }, 1)).toEqual([]);
      expect(await kit.store.enqueue([kit.task({ key: KEY })])).toEqual([
        { outcome: 'duplicate', id: dead },
      ]);
      await kit.settle('a', kit.completed(await kit.claimOne('a')));
      expect(await kit.store.alter({ ids: [other] }, { kind: 'redrive' }, 1)).toEqual([other]);
    },
  },
];
