import type { ClaimedTask, NewTask } from '../store.js';
import type { Check } from './checks.js';

const WINDOW_MS = 10_000;

/** Concurrency and rate of a queue. */
export const limitChecks: readonly Check[] = [
  {
    title: 'never leases more than the queue may have at once, whoever claims',
    needs: 'limits',
    async run(kit, expect) {
      await kit.store.control('q', { concurrency: 3 });
      await kit.addAll(...Array.from({ length: 12 }, () => ({})));
      const workers = Array.from({ length: 8 }, (_, i) => `w${i}`);
      const claims = await Promise.all(workers.map((worker) => kit.claim(worker, 2)));
      expect(claims.flat().length).toBe(3);
      const [first] = claims.flat();
      const holder = workers[claims.findIndex((claim) => claim.includes(first as ClaimedTask))];
      await kit.settle(holder ?? '', kit.completed(first as ClaimedTask));
      expect((await kit.claim('late', 5)).length).toBe(1);
      await kit.store.control('q', { concurrency: null });
      expect((await kit.claim('late', 20)).length).toBe(8);
    },
  },
  {
    title: 'wakes a worker when a full queue has room again',
    needs: 'limits',
    async run(kit, expect) {
      await kit.store.control('q', { concurrency: 1 });
      await kit.addAll({}, {});
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
    title: 'does not extend a lapsed lease into a full queue',
    needs: 'limits',
    async run(kit, expect) {
      await kit.store.control('q', { concurrency: 1 });
      await kit.add();
      const lapsed = await kit.claimOne('a');
      await kit.lapse();
      await kit.add({ priority: 1 });
      await kit.claimOne('b');
      expect(await kit.extend('a', lapsed)).toEqual(['lost']);
      expect((await kit.store.stats(['q']))[0]?.counts.leased).toBe(1);
    },
  },
  {
    title: 'never claims more than the rate allows, at any sliding position',
    needs: 'limits',
    async run(kit, expect) {
      const max = 4;
      await kit.store.control('q', { rate: { max, windowMs: WINDOW_MS } });
      await kit.addAll(...Array.from({ length: 60 }, () => ({})));
      const times: number[] = [];
      for (let step = 0; step < 60; step++) {
        const { claimed, now } = await kit.exchange(`w${step % 3}`, { claim: 1 + (step % 3) });
        times.push(...claimed.map(() => now));
        await kit.harness.advance(377 + (step % 5) * 301);
      }
      const most = Math.max(
        ...times.map((from) => times.filter((at) => at >= from && at < from + WINDOW_MS).length),
      );
      expect(most).toBe(max);
      // About 58 s went by; at most one twentieth of each window is lost.
      expect(times.length).toBeGreaterThanOrEqual(18);
    },
  },
  {
    title: 'says when the rate has room again',
    needs: 'limits',
    async run(kit, expect) {
      await kit.store.control('q', { rate: { max: 1, windowMs: WINDOW_MS } });
      await kit.addAll({}, {});
      const { now, nextDueAt, claimed } = await kit.exchange('a', { claim: 5 });
      expect(claimed.length).toBe(1);
      const wait = (nextDueAt ?? 0) - now;
      expect(wait).toBeGreaterThanOrEqual(WINDOW_MS);
      await kit.harness.advance(wait - 1);
      expect(await kit.claim('a')).toEqual([]);
      await kit.harness.advance(1);
      expect((await kit.claim('a')).length).toBe(1);
    },
  },
  {
    title: 'refuses tasks whose priority the queue does not take, all or none',
    needs: 'limits',
    async run(kit, expect) {
      await kit.store.control('q', { priorities: { min: -2, max: 5 } });
      await kit.addAll({ priority: -2 }, { priority: 5 }, {}, { queue: 'r', priority: 6 });
      const refused = async (...parts: Partial<NewTask>[]): Promise<string> =>
        kit.addAll(...parts).then(
          () => 'added',
          (error: Error) => `${Reflect.get(error, 'code')}: ${error.message}`,
        );
      const text = (got: number): string =>
        `QUEUE_PRIORITY_INVALID: Expected \`priority\` to be from -2 to 5, the range of its queue, got ${got} (number)`;
      expect(await refused({ priority: 6 })).toBe(text(6));
      expect(await refused({}, { queue: 'r', priority: 9 }, { priority: -3 })).toBe(text(-3));
      expect(await refused({ priority: 6 }, { priority: 6 })).toBe(text(6));
      const key = { value: 'k', ttlMs: 0 };
      expect(await refused({ priority: 7, key })).toBe(text(7));
      expect(await refused({ priority: 8, group: { key: 'g' } })).toBe(text(8));
      expect((await kit.store.stats(['q']))[0]?.counts.ready).toBe(3);
      expect(await refused({ key })).toBe('added');
      await kit.store.control('q', { priorities: null });
      expect(await refused({ priority: 6 })).toBe('added');
      expect((await kit.claim('w', 9)).map((task) => task.priority)).toEqual([6, 5, 0, 0, -2]);
    },
  },
  {
    title: 'keeps to the priorities of a queue when tasks are edited and when schedules fire',
    needs: 'limits',
    async run(kit, expect) {
      const [a = '', b = ''] = await kit.addAll({}, { priority: 6 }, { queue: 'r' });
      const far = await kit.add({ queue: 'r', priority: 7 });
      await kit.store.control('q', { priorities: { min: 0, max: 5 } });
      const change = { kind: 'reprioritise', priority: 6 } as const;
      expect(await kit.store.edit?.({ queue: 'q' }, change, 9)).toEqual([]);
      expect(await kit.store.edit?.({ ids: [a] }, { ...change, priority: 5 }, 9)).toEqual([a]);
      expect(await kit.store.edit?.({ ids: [far] }, { kind: 'move', queue: 'q' }, 9)).toEqual([]);
      const { id: _, when: __, queue, ...task } = kit.task({ priority: 9 });
      const timing = { everyMs: 60_000, anchorMs: 0 };
      const schedule = { id: 's', queue, timing, missed: { policy: 'once' as const }, task };
      await kit.store.schedule?.([{ kind: 'upsert', schedule }]);
      await kit.harness.advance(60_000);
      expect((await kit.store.sweep(9)).fired).toBe(1);
      const claimed = await kit.claim('w', 9);
      expect(claimed.map(({ priority }) => priority)).toEqual([6, 5, 5]);
      expect(claimed.slice(0, 2).map(({ id }) => id)).toEqual([b, a]);
    },
  },
  {
    title: 'shows the limits of a queue, which pausing leaves alone',
    needs: 'limits',
    async run(kit, expect) {
      const rate = { max: 5, windowMs: 1_000 };
      const priorities = { min: -1, max: 0 };
      await kit.store.control('q', { concurrency: 2, rate, priorities });
      await kit.store.control('q', { paused: true, by: 'ann' });
      const [stats] = await kit.store.stats(['q']);
      expect(stats).toMatchObject({ paused: true, limits: { concurrency: 2, rate, priorities } });
      await kit.store.control('q', { priorities: null });
      await kit.store.control('q', { concurrency: null });
      const [later] = await kit.store.stats(['q']);
      expect(later).toMatchObject({
        paused: true,
        limits: { concurrency: null, rate, priorities: null },
      });
      await kit.store.control('q', { rate: null });
      expect((await kit.store.stats(['q']))[0]?.limits).toBe(undefined);
    },
  },
];
