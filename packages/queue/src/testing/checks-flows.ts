import type { NewTask } from '../store.js';
import type { Check } from './checks.js';
import type { Kit } from './kit.js';

type OnFailure = NonNullable<NewTask['waitFor']>['onFailure'];

/** Enqueues `count` children and their parent; the parent's id is the last. */
async function family<Tx>(
  kit: Kit<Tx>,
  count: number,
  onFailure: OnFailure = 'fail',
): Promise<{ parent: string; children: string[] }> {
  const children = Array.from({ length: count }, () => kit.task());
  const ids = children.map((task) => task.id);
  const parent = kit.task({ name: 'parent', waitFor: { ids, onFailure } });
  await kit.store.enqueue([...children, parent]);
  return { parent: parent.id, children: ids };
}

/** Parents that wait for children. */
export const flowChecks: readonly Check[] = [
  {
    title: 'runs a parent once, after the last of its children',
    needs: 'flows',
    async run(kit, expect) {
      const { parent, children } = await family(kit, 3);
      expect(await kit.stateOf(parent)).toBe('blocked by children');
      const claimed = await kit.claim('a', 9);
      expect(claimed.map((task) => task.id)).toEqual(children);
      const [first, ...rest] = claimed;
      if (first) await kit.settle('a', kit.completed(first, '1'));
      expect(await kit.claim('b', 9)).toEqual([]);
      await kit.settle('a', ...rest.map((task) => kit.completed(task, '2')));
      const ready = await kit.claim('b', 9);
      expect(ready).toMatchObject([{ id: parent, children: 3 }]);
      expect((await kit.get(parent))?.children).toEqual(children);
    },
  },
  {
    title: 'releases a parent once when its children end at the same time',
    needs: 'flows',
    async run(kit, expect) {
      const { parent } = await family(kit, 8);
      const claimed = await kit.claim('a', 9);
      await Promise.all(claimed.map((task) => kit.settle('a', kit.completed(task))));
      expect((await kit.claim('b', 9)).map((task) => task.id)).toEqual([parent]);
    },
  },
  {
    title: 'wakes whoever listens when a parent may run',
    needs: 'flows',
    async run(kit, expect) {
      await family(kit, 1);
      const task = await kit.claimOne('a');
      let wake: (queue: string) => void = () => undefined;
      const woken = new Promise<string>((resolve) => {
        wake = resolve;
      });
      const listening = await kit.store.onWake(['q'], (queue) => wake(queue));
      await kit.settle('a', kit.completed(task));
      expect(await woken).toBe('q');
      await listening[Symbol.asyncDispose]();
    },
  },
  {
    title: 'finds the children of a parent with their results, however short they are kept',
    needs: 'flows',
    async run(kit, expect) {
      const child = kit.task({ keepCompletedMs: 0 });
      const parent = kit.task({ waitFor: { ids: [child.id], onFailure: 'fail' } });
      await kit.store.enqueue([child, parent]);
      await kit.settle('a', kit.completed(await kit.claimOne('a'), '"done"'));
      await kit.harness.advance(100_000);
      await kit.store.sweep(100);
      const page = { order: 'oldest', limit: 10 } as const;
      const found = await kit.store.find({ childrenOf: parent.id }, page);
      expect(found).toMatchObject([{ id: child.id, state: 'completed', result: '"done"' }]);
      await kit.settle('a', kit.completed(await kit.claimOne('a')));
      await kit.harness.advance(120_000);
      await kit.store.sweep(100);
      expect(await kit.get(child.id)).toBe(undefined);
    },
  },
  {
    title: 'fails a parent, and its parents, when a child dies; the history names the child',
    needs: 'flows',
    async run(kit, expect) {
      const [a, b] = [kit.task(), kit.task()];
      const middle = kit.task({ waitFor: { ids: [a.id, b.id], onFailure: 'fail' } });
      const top = kit.task({ waitFor: { ids: [middle.id], onFailure: 'fail' } });
      await kit.store.enqueue([a, b, middle, top]);
      await kit.settle('w', kit.dead(await kit.claimOne('w')));
      expect(await kit.get(middle.id)).toMatchObject({
        state: 'dead',
        attempts: 0,
        history: [{ kind: 'child', child: a.id }],
      });
      expect(await kit.get(top.id)).toMatchObject({
        state: 'dead',
        history: [{ kind: 'child', child: middle.id }],
      });
      await kit.settle('w', kit.completed(await kit.claimOne('w')));
      expect(await kit.claim('w', 9)).toEqual([]);
    },
  },
  {
    title: 'runs a parent that ignores failures when all of its children are finished',
    needs: 'flows',
    async run(kit, expect) {
      const { parent, children } = await family(kit, 3, 'ignore');
      const [a, b] = await kit.claim('w', 2);
      if (a && b) await kit.settle('w', kit.dead(a), kit.completed(b));
      expect(await kit.claim('x', 0)).toEqual([]);
      await kit.store.alter({ ids: [children[2] ?? ''] }, { kind: 'cancel' }, 1);
      expect((await kit.claimOne('w')).id).toBe(parent);
    },
  },
  {
    title: 'moves a child to another queue once its parent is kept no longer, and not before',
    needs: 'move',
    async run(kit, expect) {
      const child = kit.task();
      const waitFor = { ids: [child.id], onFailure: 'ignore' } as const;
      const parent = kit.task({ name: 'parent', waitFor, keepCompletedMs: 1_000 });
      await kit.store.enqueue([child, parent]);
      await kit.settle('w', kit.dead(await kit.claimOne('w')));
      await kit.settle('w', kit.completed(await kit.claimOne('w')));
      const move = { kind: 'move', queue: 'r' } as const;
      expect(await kit.store.edit?.({ ids: [child.id] }, move, 1)).toEqual([]);
      await kit.harness.advance(1_000);
      await kit.store.sweep(100);
      expect(await kit.stateOf(parent.id)).toBe(undefined);
      expect(await kit.store.edit?.({ ids: [child.id] }, move, 1)).toEqual([child.id]);
      expect(await kit.get(child.id)).toMatchObject({ queue: 'r', state: 'dead' });
    },
  },
  {
    title: 'takes a child that is removed, or cancelled, as failed',
    needs: 'flows',
    async run(kit, expect) {
      for (const kind of ['remove', 'cancel'] as const) {
        const { parent, children } = await family(kit, 2);
        await kit.store.alter({ ids: children.slice(1) }, { kind }, 1);
        expect(await kit.stateOf(parent)).toBe('dead');
        await kit.settle('w', kit.completed(await kit.claimOne('w')));
      }
    },
  },
  {
    title: 'runs a diamond in order',
    needs: 'flows',
    async run(kit, expect) {
      const first = kit.task({ name: 'first' });
      const after = (name: string, ...tasks: NewTask[]): NewTask =>
        kit.task({ name, waitFor: { ids: tasks.map((task) => task.id), onFailure: 'fail' } });
      const [left, right] = [after('left', first), after('right', first)];
      await kit.store.enqueue([first, left, right, after('last', left, right)]);
      const order: string[][] = [];
      for (let step = 0; step < 3; step++) {
        const claimed = await kit.claim('w', 9);
        order.push(claimed.map((task) => task.name));
        await kit.settle('w', ...claimed.map((task) => kit.completed(task)));
      }
      expect(order).toEqual([['first'], ['left', 'right'], ['last']]);
    },
  },
  {
    title: 'refuses a parent that does not come after its children',
    needs: 'flows',
    async run(kit, expect) {
      const child = kit.task();
      const parent = kit.task({ waitFor: { ids: [child.id], onFailure: 'fail' } });
      const refused = await kit.store.enqueue([parent, child]).catch((error) => error.code);
      expect(refused).toBe('QUEUE_INPUT_INVALID');
      expect(await kit.get(child.id)).toBe(undefined);
    },
  },
  {
    title: 'waits for the task that holds the key of a child',
    needs: 'flows',
    async run(kit, expect) {
      const key = { value: 'k', ttlMs: 60_000 };
      const holder = await kit.add({ key });
      const child = kit.task({ key });
      const parent = kit.task({ waitFor: { ids: [child.id], onFailure: 'fail' } });
      await kit.store.enqueue([child, parent]);
      expect((await kit.get(parent.id))?.children).toEqual([holder]);
      await kit.settle('w', kit.completed(await kit.claimOne('w')));
      expect((await kit.claimOne('w')).id).toBe(parent.id);
      const [again, late] = [kit.task({ key }), kit.task()];
      const waitFor = { ids: [again.id], onFailure: 'fail' } as const;
      await kit.store.enqueue([again, { ...late, waitFor }]);
      expect((await kit.claimOne('w')).id).toBe(late.id);
    },
  },
  {
    title: 'lets a redriven parent wait for a child that was redriven',
    needs: 'flows',
    async run(kit, expect) {
      const { parent, children } = await family(kit, 1);
      await kit.settle('w', kit.dead(await kit.claimOne('w')));
      await kit.store.alter({ ids: children }, { kind: 'redrive' }, 1);
      await kit.store.alter({ ids: [parent] }, { kind: 'redrive' }, 1);
      expect(await kit.stateOf(parent)).toBe('blocked by children');
      await kit.settle('w', kit.completed(await kit.claimOne('w')));
      expect((await kit.claimOne('w')).id).toBe(parent);
    },
  },
  {
    title: 'keeps the delay of a parent whose children end early',
    needs: 'flows',
    async run(kit, expect) {
      const child = kit.task();
      const waitFor = { ids: [child.id], onFailure: 'fail' } as const;
      const parent = kit.task({ waitFor, when: { delayMs: 5_000 } });
      await kit.store.enqueue([child, parent]);
      await kit.settle('w', kit.completed(await kit.claimOne('w')));
      expect(await kit.stateOf(parent.id)).toBe('scheduled');
      await kit.harness.advance(5_000);
      expect((await kit.claimOne('w')).id).toBe(parent.id);
    },
  },
];
