import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Prefetch } from '../../src/worker/prefetch.js';
import { after, closed, setUp, task } from './support.js';

const many = (count: number) => Array.from({ length: count }, (_, payload) => ({ task, payload }));

describe('claims ahead', () => {
  it('grow with quick handlers, so that exchanges are few', async () => {
    const { clock, queue, worker } = await setUp(async () => undefined, { concurrency: 1 });
    await queue.enqueueMany(many(2_000));
    for (let i = 0; i < 50; i++) await clock.advance(0);
    expect(queue.stats().completed).toBe(2_000);
    expect(worker.stats().exchanges).toBeLessThan(60);
    await closed(worker, clock);
  });

  it('leave before quick handlers run, so that store and worker are busy at the same time', async () => {
    let under = 0;
    let most = 0;
    let beside = 0;
    const { clock, queue, worker } = await setUp(() => void (under > 0 && beside++), {
      wrap: (store) => {
        const exchange = store.exchange.bind(store);
        store.exchange = async (request) => {
          most = Math.max(most, ++under);
          await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
          const reply = await exchange(request);
          under--;
          return reply;
        };
        return store;
      },
    });
    await queue.enqueueMany(many(5_000));
    for (let i = 0; queue.stats().completed < 5_000 && i < 1_000; i++) await clock.advance(0);
    expect(queue.stats()).toMatchObject({ started: 5_000, completed: 5_000, released: 0 });
    expect(beside).toBeGreaterThan(4_000);
    expect(most).toBe(2);
    await closed(worker, clock);
  });

  it('are none where handlers take long: every task waits in the store, for whoever is free', async () => {
    const { clock, queue, worker, store } = await setUp(() => after(clock, 1_000), {
      concurrency: 4,
    });
    await queue.enqueueMany(many(100));
    for (let second = 0; second < 10; second++) {
      await clock.advance(1_000);
      expect(worker.stats().waiting).toBe(0);
      const [stats] = await store.stats(['q']);
      expect(stats?.counts.leased).toBeLessThanOrEqual(4);
    }
    await closed(worker, clock);
  });

  it('let an urgent task go first when handlers take long', async () => {
    const order: unknown[] = [];
    const { clock, queue, worker } = await setUp(
      async (name) => {
        order.push(name);
        await after(clock, 200);
      },
      { concurrency: 1 },
    );
    await queue.enqueueMany(many(5));
    await clock.advance(500);
    await queue.enqueue(task, 'urgent', { priority: 10 });
    await clock.advance(200);
    expect(order.indexOf('urgent')).toBe(3);
    await closed(worker, clock);
  });

  it('go back, uncharged, when the handlers before them turn slow, and run elsewhere', async () => {
    const { clock, queue, worker, kit, store } = await setUp(
      (n) => (n === 'slow' ? after(clock, 60_000) : undefined),
      { concurrency: 1 },
    );
    await queue.enqueueMany(many(200));
    const slow = await queue.enqueue(task, 'slow');
    const late = await queue.enqueueMany(many(100));
    await clock.advance(0);
    expect((await kit.get(slow.id))?.state).toBe('leased');
    await clock.advance(1_000);
    const [stats] = await store.stats(['q']);
    expect(stats?.counts).toMatchObject({ leased: 1, ready: 100 });
    for (const { id } of late)
      expect(await kit.get(id)).toMatchObject({ attempts: 0, history: [] });
    expect(worker.stats().waiting).toBe(0);
    await closed(worker, clock);
  });

  it('go back when the worker pauses or closes', async () => {
    let reached: () => void = () => undefined;
    const { clock, queue, worker, store, kit } = await setUp(
      (n) => {
        if (n !== 150) return undefined;
        reached();
        return after(clock, 100);
      },
      { concurrency: 1 },
    );
    const blocked = new Promise<void>((resolve) => (reached = resolve));
    const outcomes = await queue.enqueueMany(many(400));
    await Promise.all([blocked, clock.advance(0)]);
    expect(worker.stats().waiting).toBeGreaterThan(0);
    worker.pause();
    expect(worker.stats()).toMatchObject({ state: 'paused', waiting: 0, running: 1 });
    await clock.advance(10_000);
    expect((await store.stats(['q']))[0]?.counts).toMatchObject({ leased: 0, completed: 151 });
    expect(await kit.get(outcomes[300]?.id ?? '')).toMatchObject({ state: 'ready', attempts: 0 });
    expect(await worker.health()).toMatchObject({ status: 'healthy' });
    worker.resume();
    await clock.advance(0);
    await clock.advance(0);
    expect((await store.stats(['q']))[0]?.counts).toMatchObject({ completed: 400 });
    await closed(worker, clock);
  });

  it('never exceed what the slots will start within the window', () => {
    const sample = fc.record({ durationMs: fc.nat(500), gapMs: fc.nat(50) });
    fc.assert(
      fc.property(
        fc.array(sample, { minLength: 1 }),
        fc.integer({ min: 1, max: 200 }),
        (samples, slots) => {
          const prefetch = new Prefetch();
          let now = 0;
          for (const { durationMs, gapMs } of samples) {
            prefetch.busy(now);
            now += durationMs;
            prefetch.idle(now);
            prefetch.ended(durationMs);
            now += gapMs;
            const ahead = prefetch.ahead(slots, now);
            expect(ahead).toBeGreaterThanOrEqual(0);
            expect(ahead).toBeLessThanOrEqual(1_600);
          }
          if (samples.every((each) => each.durationMs >= 50)) {
            expect(prefetch.ahead(slots, now)).toBe(0);
          }
          prefetch.reset();
          expect(prefetch.ahead(slots, now)).toBe(0);
        },
      ),
    );
  });
});
