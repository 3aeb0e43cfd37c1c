import type { MissedRuns, NewSchedule, ScheduleRecord } from '../store.js';
import type { Check } from './checks.js';
import type { Kit } from './kit.js';

const MINUTE = 60_000;
const DAY = 86_400_000;

async function now<Tx>(kit: Kit<Tx>): Promise<number> {
  return (await kit.exchange('clock')).now;
}

async function moveTo<Tx>(kit: Kit<Tx>, time: string): Promise<void> {
  await kit.harness.advance(Date.parse(time) - (await now(kit)));
}

async function put<Tx>(kit: Kit<Tx>, part: Partial<NewSchedule> = {}): Promise<ScheduleRecord> {
  const { id: _, when: __, queue, ...task } = kit.task({ name: 'tick' });
  const schedule: NewSchedule = {
    id: 's',
    queue,
    timing: { everyMs: MINUTE, anchorMs: 0 },
    missed: { policy: 'once' },
    task,
    ...part,
  };
  const [record] = (await kit.store.schedule?.([{ kind: 'upsert', schedule }])) ?? [];
  if (!record) throw new Error('the schedule was not kept');
  return record;
}

/** Sweeps, and gives the times of the runs that were enqueued. */
async function fired<Tx>(kit: Kit<Tx>): Promise<string[]> {
  await kit.store.sweep(100);
  const claimed = await kit.claim('w', 1_000);
  await kit.settle('w', ...claimed.map((task) => kit.completed(task)));
  return claimed.map((task) => task.headers['schedule-at'] ?? '');
}

const missed = async <Tx>(kit: Kit<Tx>, policy: MissedRuns): Promise<string[]> => {
  await moveTo(kit, '2026-01-01T12:00:30Z');
  await put(kit, { missed: policy });
  await moveTo(kit, '2026-01-01T12:10:20Z');
  return fired(kit);
};

/** Schedules. */
export const scheduleChecks: readonly Check[] = [
  {
    title: 'fires at each run and never before, with its id and time as headers',
    needs: 'schedules',
    async run(kit, expect) {
      await moveTo(kit, '2026-01-01T12:00:30Z');
      const record = await put(kit);
      expect(record).toMatchObject({ lastRunAt: null, runs: 0, paused: false });
      expect(record.nextRunAt).toBe(Date.parse('2026-01-01T12:01:00Z'));
      await moveTo(kit, '2026-01-01T12:00:59.999Z');
      expect(await fired(kit)).toEqual([]);
      await kit.harness.advance(1);
      expect((await kit.store.sweep(100)).fired).toBe(1);
      const task = await kit.claimOne('w');
      expect(task).toMatchObject({
        name: 'tick',
        headers: { 'schedule-id': 's', 'schedule-at': '2026-01-01T12:01:00.000Z' },
      });
      expect(await kit.store.schedules?.({ queue: 'q' })).toMatchObject([
        { id: 's', runs: 1, nextRunAt: Date.parse('2026-01-01T12:02:00Z') },
      ]);
    },
  },
  {
    title: 'fires once for each run however many sweep at once',
    needs: 'schedules',
    async run(kit, expect) {
      await put(kit);
      for (let step = 0; step < 3; step++) {
        await kit.harness.advance(MINUTE);
        const sweeps = await Promise.all(Array.from({ length: 5 }, () => kit.store.sweep(100)));
        expect(sweeps.reduce((sum, { fired: count = 0 }) => sum + count, 0)).toBe(1);
      }
      expect((await kit.claim('w', 100)).length).toBe(3);
    },
  },
  {
    title: 'makes up for missed runs once',
    needs: 'schedules',
    async run(kit, expect) {
      expect(await missed(kit, { policy: 'once' })).toEqual(['2026-01-01T12:10:00.000Z']);
      expect(await fired(kit)).toEqual([]);
    },
  },
  {
    title: 'leaves out missed runs beyond the grace, and goes on with the next',
    needs: 'schedules',
    async run(kit, expect) {
      expect(await missed(kit, { policy: 'skip', graceMs: 10_000 })).toEqual([]);
      await kit.harness.advance(MINUTE - 15_000);
      expect(await fired(kit)).toEqual(['2026-01-01T12:11:00.000Z']);
    },
  },
  {
    title: 'makes up for all missed runs, the latest ones at most',
    needs: 'schedules',
    async run(kit, expect) {
      expect(await missed(kit, { policy: 'all', max: 3 })).toEqual(
        [8, 9, 10].map((minute) => new Date(Date.UTC(2026, 0, 1, 12, minute)).toISOString()),
      );
    },
  },
  {
    title: 'keeps to the wall clock of its time zone when clocks go forward and back',
    needs: 'schedules',
    async run(kit, expect) {
      const timing = { cron: '30 2 * * *', timeZone: 'Europe/Berlin' };
      const runs: string[] = [];
      for (const start of ['2026-03-27T12:00:00Z', '2026-10-23T12:00:00Z']) {
        await moveTo(kit, start);
        await kit.store.schedule?.([{ kind: 'remove', queue: 'q', id: 's' }]);
        await put(kit, { timing });
        for (let hour = 0; hour < 72; hour++) {
          await kit.harness.advance(DAY / 24);
          runs.push(...(await fired(kit)));
        }
      }
      expect(runs).toEqual([
        '2026-03-28T01:30:00.000Z',
        '2026-03-29T01:00:00.000Z', // 02:30 does not exist: at the change
        '2026-03-30T00:30:00.000Z',
        '2026-10-24T00:30:00.000Z',
        '2026-10-25T00:30:00.000Z', // 02:30 comes twice: the first
        '2026-10-26T01:30:00.000Z',
      ]);
    },
  },
  {
    title: 'keeps the next run of a schedule that is put again, unless its timing changed',
    needs: 'schedules',
    async run(kit, expect) {
      const first = await put(kit);
      await kit.harness.advance(MINUTE / 2);
      const { id: _, when: __, queue: ___, ...task } = kit.task({ name: 'other' });
      expect((await put(kit, { task })).nextRunAt).toBe(first.nextRunAt);
      await kit.harness.advance(MINUTE);
      await kit.store.sweep(100);
      expect((await kit.claimOne('w')).name).toBe('other');
      const timing = { everyMs: 7 * MINUTE, anchorMs: 0 };
      const changed = await put(kit, { timing });
      expect(changed).toMatchObject({ runs: 1 });
      expect((changed.nextRunAt ?? 1) % (7 * MINUTE)).toBe(0);
    },
  },
  {
    title: 'pauses, resumes, ends and removes schedules',
    needs: 'schedules',
    async run(kit, expect) {
      const id = { queue: 'q', id: 's' };
      const start = await now(kit);
      await put(kit, { untilMs: start + 6 * MINUTE });
      const [paused] = (await kit.store.schedule?.([{ kind: 'pause', ...id }])) ?? [];
      expect(paused).toMatchObject({ paused: true, nextRunAt: null });
      await kit.harness.advance(3 * MINUTE + 1);
      expect(await fired(kit)).toEqual([]);
      await kit.store.schedule?.([{ kind: 'resume', ...id }]);
      expect(await fired(kit)).toEqual([]);
      await kit.harness.advance(MINUTE);
      expect((await fired(kit)).length).toBe(1);
      await kit.harness.advance(9 * MINUTE);
      expect(await fired(kit)).toEqual([new Date(start + 5 * MINUTE).toISOString()]);
      const [ended] = (await kit.store.schedules?.({ ids: ['s'] })) ?? [];
      expect(ended).toMatchObject({ nextRunAt: null, runs: 2 });
      expect(await kit.store.schedule?.([{ kind: 'remove', ...id }])).toEqual([null]);
      expect(await kit.store.schedule?.([{ kind: 'pause', ...id }])).toEqual([null]);
      expect(await kit.store.schedules?.({})).toEqual([]);
    },
  },
  {
    title: 'fires first what was due first, also where there is more than a sweep may fire',
    needs: 'schedules',
    async run(kit, expect) {
      await moveTo(kit, '2026-01-01T12:00:30Z');
      for (const [id, everyMs] of [
        ['late', 5],
        ['soon', 2],
        ['next', 3],
      ] as const)
        await put(kit, { id, timing: { everyMs: everyMs * MINUTE, anchorMs: 0 } });
      await moveTo(kit, '2026-01-01T12:30:30Z');
      await kit.store.sweep(1);
      await kit.store.sweep(2);
      const order = (await kit.claim('w', 9)).map(({ headers }) => headers['schedule-id']);
      expect(order).toEqual(['soon', 'next', 'late']);
    },
  },
  {
    title: 'counts as runs the tasks that were added, not those that a run replaced',
    needs: 'schedules',
    async run(kit, expect) {
      if (kit.store.traits.features?.includes('dedup') !== true) return;
      const { id: _, when: __, queue: ___, ...task } = kit.task();
      const key = { value: 'k', ttlMs: 0, mode: 'replace' as const };
      await put(kit, { task: { ...task, key } });
      await kit.harness.advance(MINUTE);
      expect((await kit.store.sweep(100)).fired).toBe(1);
      await kit.harness.advance(MINUTE);
      expect((await kit.store.sweep(100)).fired ?? 0).toBe(0);
      expect((await kit.store.schedules?.({}))?.map(({ runs }) => runs)).toEqual([1]);
    },
  },
  {
    title: 'counts the runs of a schedule anew when it was removed and is put again in one call',
    needs: 'schedules',
    async run(kit, expect) {
      const { paused: _, nextRunAt: __, lastRunAt: ___, runs: ____, ...schedule } = await put(kit);
      await kit.harness.advance(MINUTE);
      expect((await fired(kit)).length).toBe(1);
      const { id, queue } = schedule;
      const changes = [
        { kind: 'remove' as const, queue, id },
        { kind: 'upsert' as const, schedule },
      ];
      expect((await kit.store.schedule?.(changes))?.[1]).toMatchObject({
        runs: 0,
        lastRunAt: null,
      });
      expect(await kit.store.schedules?.({})).toMatchObject([{ runs: 0, lastRunAt: null }]);
    },
  },
  {
    title: 'does not start a run while the one before is live, where its key says so',
    needs: 'schedules',
    async run(kit, expect) {
      const { id: _, when: __, queue: ___, ...task } = kit.task();
      await put(kit, { task: { ...task, key: { value: 'schedule s', ttlMs: 0 } } });
      await kit.harness.advance(MINUTE);
      await kit.store.sweep(100);
      const task1 = await kit.claimOne('w');
      await kit.harness.advance(MINUTE);
      expect((await kit.store.sweep(100)).fired ?? 0).toBe(0);
      await kit.settle('w', kit.completed(task1));
      await kit.harness.advance(MINUTE);
      expect((await fired(kit)).length).toBe(1);
    },
  },
  {
    title: 'lists schedules page by page, whatever is added meanwhile',
    needs: 'schedules',
    async run(kit, expect) {
      const seen: string[] = [];
      for (const queue of ['q', 'p', 'r']) {
        for (const id of ['b', 'd', 'c']) await put(kit, { queue, id });
      }
      let last: { queue: string; id: string } | undefined;
      for (let turn = 0; turn < 6; turn++) {
        const page = { limit: 2, ...(last === undefined ? {} : { after: last }) };
        for (const record of (await kit.store.schedules?.({}, page)) ?? []) {
          seen.push(`${record.queue} ${record.id}`);
          last = { queue: record.queue, id: record.id };
        }
        // Before what was read: not seen. After it: seen.
        if (turn === 1) await put(kit, { queue: 'p', id: 'a' });
        if (turn === 1) await put(kit, { queue: 'r', id: 'e' });
      }
      expect(seen).toEqual([
        ...['p b', 'p c', 'p d', 'q b', 'q c', 'q d', 'r b', 'r c', 'r d', 'r e'],
      ]);
      const rest = await kit.store.schedules?.(
        { queue: 'p' },
        { limit: 9, after: { queue: 'p', id: 'b' } },
      );
      expect(rest?.map(({ id }) => id)).toEqual(['c', 'd']);
    },
  },
  {
    title: 'takes none of several changes when one makes no sense',
    needs: 'schedules',
    async run(kit, expect) {
      const good = await put(kit, { id: 'good' });
      const bad = { ...good, timing: { cron: '99 * * * *', timeZone: 'UTC' } };
      const refused = await kit.store
        .schedule?.([
          { kind: 'upsert', schedule: { ...good, id: 'other' } },
          { kind: 'upsert', schedule: { ...bad, id: 'bad' } },
        ])
        .then(
          () => false,
          () => true,
        );
      expect(refused).toBe(true);
      expect((await kit.store.schedules?.({}))?.map((schedule) => schedule.id)).toEqual(['good']);
    },
  },
];
