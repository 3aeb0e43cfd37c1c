import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  createQueue,
  defineTask,
  memoryStore,
  nextRun,
  planRuns,
  type QueueStore,
  type ScheduleOptions,
  type ScheduleRecord,
} from '../src/index.js';
import { virtualClock } from '../src/testing.js';

const report = defineTask('report', { payload: z.object({ kind: z.string() }) });

describe('Queue.schedule', () => {
  it('keeps a checked schedule whose runs enqueue tasks', async () => {
    const clock = virtualClock(Date.UTC(2026, 0, 5, 7, 59));
    const store = memoryStore({ clock });
    const queue = createQueue('q', { store });
    const options = { cron: '0 9 * * 1-5', timeZone: 'Europe/Berlin', priority: 3, group: 'daily' };
    const record = await queue.schedule('daily', report, { kind: 'short' }, options);
    expect(record.nextRunAt).toBe(Date.UTC(2026, 0, 5, 8));
    await clock.advance(60_000);
    await store.sweep(10);
    const [task] = await store.find({}, { order: 'oldest', limit: 2 });
    expect(task).toMatchObject({
      name: 'report',
      payload: '{"kind":"short"}',
      priority: 3,
      group: 'daily',
      headers: { 'schedule-id': 'daily' },
    });
    expect(await queue.unschedule('daily')).toBe(true);
    expect(await queue.unschedule('daily')).toBe(false);
  });

  it('refuses what makes no sense, naming option, rule and value', async () => {
    const queue = createQueue('q', { store: memoryStore() });
    const refused = (options: object, payload: unknown = { kind: 'x' }): Promise<string> =>
      queue.schedule('s', report, payload as { kind: string }, options as ScheduleOptions).then(
        () => 'accepted',
        (error: Error) => error.message,
      );
    expect(await refused({})).toContain('`options.cron` to be given, or else options.every');
    expect(await refused({ cron: '* * * * *', every: '1m' })).toContain('but not both');
    expect(await refused({ cron: '99 * * * *' })).toContain('five or six fields, got "99 * * * *"');
    expect(await refused({ cron: '@daily' })).toContain('five or six fields');
    expect(await refused({ cron: '* * * * *', timeZone: 'Mars' })).toContain('an IANA time zone');
    expect(await refused({ every: 999 })).toContain('`options.every` to be a duration of at least');
    expect(await refused({ every: Number.NaN })).toContain('`options.every`');
    expect(await refused({ every: '1m', timeZone: 'UTC' })).toContain(
      'absent where every is given',
    );
    expect(await refused({ every: '1m', missed: 'never' })).toContain("'skip', 'once' or 'all'");
    expect(await refused({ every: '1m', missed: { policy: 'all', max: 0 } })).toContain(
      '`options.missed.max`',
    );
    expect(await refused({ every: '1m', overlap: 'maybe' })).toContain("'allow' or 'skip'");
    expect(await refused({ every: '1m', evry: 1 })).toContain('`options.evry` to be absent');
    expect(await refused({ every: '1m', until: new Date(Number.NaN) })).toContain('options.until');
    expect(await refused({ every: '1m' }, { kind: 1 })).toContain('`payload.kind`');
  });

  it('is refused by a store without schedules, with the feature it lacks', async () => {
    const store = memoryStore();
    const lesser = new Proxy(store, {
      get: (target, name) =>
        name === 'traits' ? { ...target.traits, features: [] } : Reflect.get(target, name, target),
    }) as QueueStore;
    const queue = createQueue('q', { store: lesser });
    const code = 'QUEUE_UNSUPPORTED';
    const lacking = (feature: string): object => ({ code, details: { feature, store: 'memory' } });
    await expect(queue.schedule('s', report, { kind: 'x' }, { every: '1m' })).rejects.toMatchObject(
      lacking('schedules'),
    );
    const payload = { kind: 'x' };
    await expect(queue.enqueue(report, payload, { group: 'g' })).rejects.toMatchObject(
      lacking('groups'),
    );
    const options = { idempotencyKey: 'k', onDuplicate: 'replace' } as const;
    await expect(queue.enqueue(report, payload, options)).rejects.toMatchObject(lacking('dedup'));
    const item = { task: report, payload };
    await expect(queue.enqueueBatch([item], item)).rejects.toMatchObject(lacking('flows'));
  });
});

describe('planRuns', () => {
  const schedule = (part: Partial<ScheduleRecord>): ScheduleRecord => ({
    id: 's',
    queue: 'q',
    timing: { everyMs: 60_000, anchorMs: 0 },
    missed: { policy: 'once' },
    task: {} as ScheduleRecord['task'],
    paused: false,
    nextRunAt: 0,
    lastRunAt: null,
    runs: 0,
    ...part,
  });

  it('owes every run exactly once over any sequence of sweeps, while none is missed', () => {
    const timings = fc.constantFrom<ScheduleRecord['timing']>(
      { everyMs: 7_000, anchorMs: 3_000 },
      { cron: '*/20 * * * *', timeZone: 'America/New_York' },
      { cron: '15 2 * * *', timeZone: 'Europe/Berlin' },
    );
    const gaps = fc.array(fc.integer({ min: 1, max: 40 * 60_000 }), { maxLength: 30 });
    fc.assert(
      fc.property(timings, gaps, (timing, steps) => {
        const start = Date.UTC(2026, 2, 29, 0, 30); // clocks go forward in Berlin half an hour later
        let now = start;
        let record = schedule({
          timing,
          missed: { policy: 'all', max: 10_000 },
          nextRunAt: nextRun(timing, start),
        });
        const runs: number[] = [];
        for (const step of steps) {
          now += step;
          const planned = planRuns(record, now);
          runs.push(...planned.runs);
          record = { ...record, nextRunAt: planned.next };
        }
        const expected: number[] = [];
        for (let at = nextRun(timing, start); at !== null && at <= now; at = nextRun(timing, at)) {
          expected.push(at);
        }
        expect(runs).toEqual(expected);
        expect(record.nextRunAt ?? 0).toBeGreaterThan(now);
      }),
      { numRuns: 15 },
    );
  });

  it('stays small whatever was missed', () => {
    const year = Date.UTC(2027, 0, 1);
    const timing = { cron: '* * * * * *', timeZone: 'UTC' };
    const record = schedule({ timing, nextRunAt: Date.UTC(2026, 0, 1) });
    expect(planRuns(record, year).runs).toEqual([year]);
    const all = { ...record, missed: { policy: 'all', max: 5 } } as const;
    expect(planRuns(all, year + 500).runs).toEqual([-4, -3, -2, -1, 0].map((s) => year + s * 1000));
  });

  it('ends where a schedule ends, or has no run at all', () => {
    const untilMs = 180_000;
    expect(planRuns(schedule({ untilMs }), 600_000)).toEqual({ runs: [120_000], next: null });
    expect(nextRun({ cron: '0 0 30 2 *', timeZone: 'UTC' }, 0)).toBe(null);
  });
});
