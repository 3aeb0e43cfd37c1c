import type { ClaimedTask } from '../store.js';
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
    title: 'shows the limits of a queue, which pausing leaves alone',
    needs: 'limits',
    async run(kit, expect) {
      const rate = { max: 5, windowMs: 1_000 };
      await kit.store.control('q', { concurrency: 2, rate });
      await kit.store.control('q', { paused: true, by: 'ann' });
      const [stats] = await kit.store.stats(['q']);
      expect(stats).toMatchObject({ paused: true, limits: { concurrency: 2, rate } });
      await kit.store.control('q', { concurrency: null });
      const [later] = await kit.store.stats(['q']);
      expect(later).toMatchObject({ paused: true, limits: { concurrency: null, rate } });
      await kit.store.control('q', { rate: null });
      expect((await kit.store.stats(['q']))[0]?.limits).toBe(undefined);
    },
  },
];
