import type { NewTask } from '../store.js';
import { uuidv7 } from '../uuid.js';
import type { Check } from './checks.js';

const KEY = { value: 'k', ttlMs: 60_000 };

/** Enqueueing, keys and transactions. */
export const enqueueChecks: readonly Check[] = [
  {
    title: 'gives a task back exactly as it was enqueued',
    async run(kit, expect) {
      const payload = JSON.stringify({
        text: 'NUL \u0000, emoji 🙂, quote " and { , } \\',
        deep: [[1], null],
      });
      const headers = { traceparent: '00-1', 'x-odd': 'a,b "c" \\ {}' };
      const id = await kit.add({ payload, headers, priority: -5, maxAttempts: 7, name: "o'clock" });
      const expected = {
        id,
        queue: 'q',
        name: "o'clock",
        payload,
        headers,
        priority: -5,
        maxAttempts: 7,
      };
      expect(await kit.claimOne('a')).toEqual({
        ...expected,
        epoch: 1,
        attempt: 1,
        enqueuedAt: (await kit.get(id))?.enqueuedAt,
        runAt: (await kit.get(id))?.runAt,
      });
      expect(await kit.get(id)).toMatchObject({
        ...expected,
        state: 'leased',
        worker: 'a',
        epoch: 1,
      });
    },
  },
  {
    title: 'gives many tasks back exactly in one claim, of several calls, kinds and sizes',
    async run(kit, expect) {
      const batches = (size: string): NewTask[][] => [
        [1, 2, 3].map((n) => kit.task({ payload: JSON.stringify(`${n} ${size}`) })),
        [kit.task({ name: 'alone', payload: 'null' })],
        [kit.task({ name: 'alone', payload: '"again"' })],
        ['ж', '🙂', ' \u0000\n'].map((text) =>
          kit.task({
            name: `ж ${text.length}`,
            headers: { text: JSON.stringify(text) },
            payload: JSON.stringify(text),
          }),
        ),
        [kit.task({ priority: 1, payload: '[1]' }), kit.task({ payload: ' {\n"a": 1 }' })],
        [kit.task({ payload: '""' })],
      ];
      for (const size of ['', 'y'.repeat(600_000)]) {
        const tasks = batches(size);
        for (const batch of tasks) await kit.store.enqueue(batch);
        const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : 1);
        const shown = (task: NewTask): object => {
          const { id, queue, name, headers, payload, priority } = task;
          return { id, queue, name, headers, payload, priority, epoch: 1, attempt: 1 };
        };
        const claimed = await kit.claim('a', 100);
        expect(claimed.length).toBe(tasks.flat().length);
        const expected = tasks.flat().sort(byId);
        for (const [index, task] of [...claimed].sort(byId).entries()) {
          expect(task).toMatchObject(shown(expected[index] as NewTask));
        }
      }
    },
  },
  {
    title: 'takes a payload of two megabytes',
    async run(kit, expect) {
      const payload = JSON.stringify('ж'.repeat(1_000_000));
      await kit.add({ payload });
      expect((await kit.claimOne('a')).payload === payload).toBe(true);
    },
  },
  {
    title: 'adds all of a batch, in its order',
    async run(kit, expect) {
      const tasks = Array.from({ length: 50 }, () => kit.task());
      const outcomes = await kit.store.enqueue(tasks);
      expect(outcomes).toEqual(tasks.map(({ id }) => ({ outcome: 'added', id })));
      expect((await kit.claim('a', 100)).map((task) => task.id)).toEqual(
        tasks.map((task) => task.id),
      );
    },
  },
  {
    title: 'adds none of a batch that fails',
    async run(kit, expect) {
      const [first, second] = [kit.task({ key: KEY }), kit.task()];
      const refused = await kit.store
        .enqueue([first, second, { ...kit.task(), id: second.id }])
        .then(
          () => false,
          () => true,
        );
      expect(refused).toBe(true);
      expect(await kit.get(first.id)).toBe(undefined);
      expect((await kit.store.enqueue([kit.task({ key: KEY })]))[0]?.outcome).toBe('added');
    },
  },
  {
    title: 'never gives the id of a task to another, however either came and however old it is',
    async run(kit, expect) {
      const one = await kit.add({ payload: '"one"' });
      const many = await kit.addAll(...Array.from({ length: 6 }, () => ({ payload: '"many"' })));
      const late = await kit.add({ payload: '"late"', when: { delayMs: 60_000 } });
      const between = Array.from({ length: 4 }, () => kit.task({ payload: '"between"' }));
      const newest = await kit.addAll({}, {}, {});
      // Ids that are less than what there is already, but new.
      await kit.store.enqueue(between);
      const taken = [one, ...many, late, ...between.map(({ id }) => id), ...newest];
      for (const id of taken) {
        const before = (await kit.get(id))?.payload;
        const other = kit.task({ id, payload: '"other"' });
        const batch = [...Array.from({ length: 5 }, () => kit.task()), other];
        batch.sort((a, b) => (a.id < b.id ? -1 : 1));
        for (const tasks of [[other], batch]) {
          const code = await kit.store.enqueue(tasks).then(
            () => 'none',
            (error: { code?: string }) => error.code,
          );
          expect(code).toBe('QUEUE_TASK_CONFLICT');
        }
        expect((await kit.get(id))?.payload).toBe(before);
      }
      const all = await kit.store.find({ queue: 'q' }, { order: 'oldest', limit: 100 });
      expect(all.length).toBe(taken.length);
    },
  },
  {
    title: 'adds one task of many that are enqueued at once with one key',
    async run(kit, expect) {
      const tasks = Array.from({ length: 20 }, () => kit.task({ key: KEY }));
      const outcomes = (await Promise.all(tasks.map((task) => kit.store.enqueue([task])))).flat();
      const added = outcomes.filter((outcome) => outcome.outcome === 'added');
      expect(added.length).toBe(1);
      expect(new Set(outcomes.map((outcome) => outcome.id)).size).toBe(1);
      expect((await kit.claim('a', 100)).length).toBe(1);
    },
  },
  {
    title: 'adds one task of many with one key in one batch',
    async run(kit, expect) {
      const other = kit.task({ key: { ...KEY, value: 'other' } });
      const tasks = [kit.task({ key: KEY }), other, kit.task({ key: KEY }), kit.task()];
      const outcomes = await kit.store.enqueue(tasks);
      expect(outcomes.map((o) => o.outcome)).toEqual(['added', 'added', 'duplicate', 'added']);
      expect(outcomes[2]?.id).toBe(tasks[0]?.id);
    },
  },
  {
    title: 'keeps keys of different queues apart',
    async run(kit, expect) {
      await kit.add({ key: KEY });
      const [outcome] = await kit.store.enqueue([kit.task({ key: KEY, queue: 'r' })]);
      expect(outcome?.outcome).toBe('added');
    },
  },
  {
    title: 'holds a key after its task completed, until its time is over',
    async run(kit, expect) {
      const id = await kit.add({ key: KEY, keepCompletedMs: 0 });
      await kit.settle('a', kit.completed(await kit.claimOne('a')));
      expect(await kit.store.enqueue([kit.task({ key: KEY })])).toEqual([
        { outcome: 'duplicate', id },
      ]);
      await kit.harness.advance(KEY.ttlMs);
      expect((await kit.store.enqueue([kit.task({ key: KEY })]))[0]?.outcome).toBe('added');
    },
  },
  {
    title: 'holds a key beyond its time while its task is live',
    async run(kit, expect) {
      const id = await kit.add({ key: KEY, when: { delayMs: 10 * KEY.ttlMs } });
      await kit.harness.advance(2 * KEY.ttlMs);
      await kit.store.sweep(100);
      expect(await kit.store.enqueue([kit.task({ key: KEY })])).toEqual([
        { outcome: 'duplicate', id },
      ]);
    },
  },
  {
    title: 'frees the key of a task that is removed',
    async run(kit, expect) {
      const id = await kit.add({ key: KEY });
      expect(await kit.store.alter({ ids: [id] }, { kind: 'remove' }, 1)).toEqual([id]);
      expect((await kit.store.enqueue([kit.task({ key: KEY })]))[0]?.outcome).toBe('added');
    },
  },
  {
    title: 'wakes whoever listens to the queue',
    async run(kit, expect) {
      let wake: (queue: string) => void = () => undefined;
      const woken = new Promise<string>((resolve) => {
        wake = resolve;
      });
      const listening = await kit.store.onWake(['q'], (queue) => wake(queue));
      await kit.add({ queue: 'elsewhere' });
      await kit.add();
      expect(await woken).toBe('q');
      await listening[Symbol.asyncDispose]();
    },
  },
  {
    title: 'leaves no task, no key and no wake-up behind a transaction that rolls back',
    needs: 'transactions',
    async run(kit, expect) {
      const woken: string[] = [];
      const listening = await kit.store.onWake(['q', 'r'], (queue) => woken.push(queue));
      const gone = kit.task({ key: KEY });
      const failed = await kit.harness
        .transaction?.(async (tx) => {
          await kit.store.enqueue([gone], { tx });
          throw new Error('changed my mind');
        })
        .catch((error: Error) => error.message);
      expect(failed).toBe('changed my mind');
      expect(await kit.get(gone.id)).toBe(undefined);
      expect(woken).toEqual([]);
      const kept = kit.task({ key: KEY, queue: 'r' });
      const heard = waitFor(() => woken.length > 0);
      await kit.harness.transaction?.(async (tx) => {
        await kit.store.enqueue([kept, kit.task({ key: KEY })], { tx });
      });
      expect(await heard).toBe(true);
      expect((await kit.get(kept.id))?.state).toBe('ready');
      await listening[Symbol.asyncDispose]();
    },
  },
  {
    title: 'finds nothing under an id that does not exist, or is none',
    async run(kit, expect) {
      expect(await kit.get(uuidv7())).toBe(undefined);
      expect(await kit.get("'; drop table")).toBe(undefined);
    },
  },
];

/** Whether something came true within two seconds. */
async function waitFor(condition: () => boolean): Promise<boolean> {
  for (let turn = 0; turn < 200 && !condition(); turn++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return condition();
}
