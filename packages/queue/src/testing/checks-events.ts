import type { EventPage, EventsRequest, StoredEvent } from '../store.js';
import type { Check } from './checks.js';
import type { Kit } from './kit.js';

async function read<Tx>(kit: Kit<Tx>, part: Partial<EventsRequest> = {}): Promise<EventPage> {
  const page = await kit.store.events?.({ limit: 100, waitMs: 0, ...part });
  if (page === undefined) throw new Error('the store has no events');
  return page;
}

/** Events of one task, without those of the queue. */
async function storyOf<Tx>(kit: Kit<Tx>, id: string): Promise<string[]> {
  const { events } = await read(kit);
  return events.filter((event) => event.subject === id).map((event) => event.type);
}

/** Events across processes, and counts by the minute. */
export const eventChecks: readonly Check[] = [
  {
    title: 'tells the story of a task in order',
    needs: 'events',
    async run(kit, expect) {
      const id = await kit.add({ maxAttempts: 3 });
      await kit.settle('a', kit.retry(await kit.claimOne('a')));
      await kit.claimOne('a');
      await kit.lapse();
      await kit.settle('b', kit.released(await kit.claimOne('b')));
      await kit.settle('b', kit.dead(await kit.claimOne('b')));
      await kit.store.alter({ ids: [id] }, { kind: 'redrive' }, 1);
      await kit.settle('b', kit.completed(await kit.claimOne('b')));
      const started = 'task.started';
      expect(await storyOf(kit, id)).toEqual([
        'task.added',
        ...[started, 'task.failed', started, 'task.lapsed', started, 'task.released', started],
        ...['task.dead', 'task.redriven', started, 'task.completed'],
      ]);
      const { events } = await read(kit, { types: ['task.started'] });
      expect(events.map((event) => event.epoch)).toEqual([1, 2, 3, 4, 5]);
      expect(events[0]).toMatchObject({ queue: 'q', subject: id, name: 't' });
    },
  },
  {
    title: 'tells of cancelled tasks, paused queues and drained ones',
    needs: 'events',
    async run(kit, expect) {
      const id = await kit.add();
      await kit.store.control('q', { paused: true });
      await kit.store.control('q', { paused: false });
      await kit.store.alter({ ids: [id] }, { kind: 'cancel' }, 1);
      const { events } = await read(kit);
      expect(events.map((event: StoredEvent) => event.type)).toEqual([
        'task.added',
        'queue.paused',
        'queue.resumed',
        'task.cancelled',
        'queue.drained',
      ]);
    },
  },
  {
    title: 'tells of a last lease that ran out, then of the death, then of the drained queue',
    needs: 'events',
    async run(kit, expect) {
      const ids = await kit.addAll({ maxAttempts: 1 }, { maxAttempts: 1 });
      await kit.claim('w', 2);
      await kit.lapse();
      const { events } = await read(kit, { types: ['task.lapsed', 'task.dead', 'queue.drained'] });
      for (const id of ids) {
        const story = events.filter(({ subject }) => subject === id).map(({ type }) => type);
        expect(story).toEqual(['task.lapsed', 'task.dead']);
      }
      expect(events.map(({ type }) => type).indexOf('queue.drained')).toBe(4);
      expect(events.length).toBe(5);
    },
  },
  {
    title: 'tells who changed a queue and why, by what',
    needs: 'limits',
    async run(kit, expect) {
      const who = { by: 'ann', reason: 'the "night" shift' };
      await kit.store.control('q', { paused: true, ...who });
      await kit.store.control('q', { concurrency: 3, ...who });
      await kit.store.control('q', { paused: false, rate: null });
      const { events } = await read(kit);
      const about = { queue: 'q', subject: 'q' };
      expect(events.map(({ cursor: _, at: __, ...event }) => event)).toEqual([
        { type: 'queue.paused', ...about, ...who },
        { type: 'queue.changed', ...about, ...who },
        { type: 'queue.changed', ...about },
        { type: 'queue.resumed', ...about },
      ]);
    },
  },
  {
    title: 'tells who changed tasks and why, in events and in their history',
    needs: 'move',
    async run(kit, expect) {
      const who = { by: 'ann', reason: 'because' };
      const id = await kit.add({ when: { delayMs: 60_000 } });
      const dead = await kit.addDead();
      const { cursor } = await read(kit, { after: 'latest' });
      await kit.store.edit?.({ ids: [id] }, { kind: 'promote', ...who }, 1);
      await kit.store.edit?.({ ids: [id] }, { kind: 'reprioritise', priority: 2, ...who }, 1);
      await kit.store.edit?.({ queue: 'q' }, { kind: 'move', queue: 'r', ...who }, 9);
      await kit.store.alter({ ids: [dead] }, { kind: 'redrive', ...who }, 1);
      await kit.store.alter({ ids: [dead] }, { kind: 'cancel', ...who }, 1);
      await kit.store.alter({ ids: [id, dead] }, { kind: 'remove', by: 'bob' }, 9);
      const { events } = await read(kit, { after: cursor });
      const seen = events.filter((event) => event.subject === id || event.subject === dead);
      expect(
        seen.map(({ cursor: _, at: __, epoch: ___, subject, ...event }) => ({
          ...event,
          subject: subject === id ? 'a' : 'b',
        })),
      ).toEqual([
        { type: 'task.promoted', queue: 'q', subject: 'a', name: 't', ...who },
        { type: 'task.reprioritised', queue: 'q', subject: 'a', name: 't', ...who },
        { type: 'task.moved', queue: 'r', subject: 'a', name: 't', ...who, from: 'q' },
        { type: 'task.moved', queue: 'r', subject: 'b', name: 't', ...who, from: 'q' },
        { type: 'task.redriven', queue: 'r', subject: 'b', name: 't', ...who },
        { type: 'task.cancelled', queue: 'r', subject: 'b', name: 't', ...who },
        { type: 'task.removed', queue: 'r', subject: 'a', name: 't', by: 'bob' },
        { type: 'task.removed', queue: 'r', subject: 'b', name: 't', by: 'bob' },
      ]);
    },
  },
  {
    title: 'tells of many finished tasks that were deleted by one event of each queue',
    needs: 'events',
    async run(kit, expect) {
      const who = { by: 'ann', reason: 'the "big" broom' };
      const dead = [await kit.addDead(), await kit.addDead({ key: { value: 'k', ttlMs: 60_000 } })];
      const done = await kit.add();
      await kit.settle('a', kit.completed(await kit.claimOne('a')));
      const other = await kit.add({ queue: 'r' });
      const [last] = (await kit.exchange('a', { claim: 1, queues: ['r'] })).claimed;
      if (last === undefined) throw new Error('there was nothing to claim');
      await kit.settle('a', kit.dead(last));
      const [leased, waiting] = await kit.addAll({}, { when: { delayMs: 60_000 } });
      await kit.claimOne('a');
      const { cursor } = await read(kit, { after: 'latest' });
      const clean = { kind: 'clean', ...who } as const;
      expect(await kit.store.alter({ states: ['dead'] }, clean, 1)).toEqual(dead.slice(0, 1));
      expect(await kit.store.alter({}, clean, 9)).toEqual([dead[1], done, other]);
      expect(await kit.store.alter({}, clean, 9)).toEqual([]);
      const { events } = await read(kit, { after: cursor });
      const told = events.map(({ cursor: _, at: __, ...event }) => event);
      expect(told[0]).toEqual({
        type: 'queue.cleaned',
        queue: 'q',
        subject: 'q',
        count: 1,
        ...who,
      });
      expect(told.slice(1).sort((a, b) => (a.queue < b.queue ? -1 : 1))).toEqual([
        { type: 'queue.cleaned', queue: 'q', subject: 'q', count: 2, ...who },
        { type: 'queue.cleaned', queue: 'r', subject: 'r', count: 1, ...who },
      ]);
      const left = await kit.store.find({}, { order: 'oldest', limit: 9 });
      expect(left.map(({ id }) => id)).toEqual([leased, waiting]);
      const again = kit.task({ key: { value: 'k', ttlMs: 60_000 } });
      expect(await kit.store.enqueue([again])).toEqual([{ outcome: 'added', id: again.id }]);
    },
  },
  {
    title: 'keeps what operators did in the history of a task',
    needs: 'move',
    async run(kit, expect) {
      const who = { by: 'ann', reason: 'because' };
      const id = await kit.add({ when: { delayMs: 60_000 } });
      await kit.store.edit?.({ ids: [id] }, { kind: 'promote', ...who }, 1);
      await kit.store.edit?.({ ids: [id] }, { kind: 'reprioritise', priority: 2 }, 1);
      await kit.store.edit?.({ ids: [id] }, { kind: 'move', queue: 'r', ...who }, 1);
      const { now } = await kit.exchange('clock');
      const entry = { at: now, attempt: 0, epoch: 0 };
      expect((await kit.get(id))?.history).toEqual([
        { kind: 'promoted', ...entry, ...who },
        { kind: 'reprioritised', ...entry },
        { kind: 'moved', ...entry, ...who, from: 'q' },
      ]);
      await kit.exchange('w', { claim: 1, queues: ['r'] });
      expect(await kit.stateOf(id)).toBe('leased');
    },
  },
  {
    title: 'tells who changed a schedule and why, unless nothing changed',
    needs: 'schedules',
    async run(kit, expect) {
      const who = { by: 'ann', reason: 'because' };
      const { id: _, when: __, queue, ...task } = kit.task();
      const timing = { everyMs: 60_000, anchorMs: 0 };
      const schedule = { id: 's', queue, timing, missed: { policy: 'once' as const }, task };
      const put = async (part: object = {}): Promise<unknown> =>
        kit.store.schedule?.([{ kind: 'upsert', schedule: { ...schedule, ...part }, ...who }]);
      await put();
      await put();
      const id = { queue, id: 's' };
      await kit.store.schedule?.([{ kind: 'pause', ...id, ...who }]);
      await kit.store.schedule?.([{ kind: 'pause', ...id, ...who }]);
      await put({ task: { ...task, priority: 1 } });
      await kit.store.schedule?.([
        { kind: 'resume', ...id },
        { kind: 'remove', ...id, ...who },
        { kind: 'remove', ...id, ...who },
      ]);
      const { events } = await read(kit);
      const about = { queue, subject: 's' };
      expect(events.map(({ cursor: _, at: __, ...event }) => event)).toEqual([
        { type: 'schedule.changed', ...about, ...who },
        { type: 'schedule.paused', ...about, ...who },
        { type: 'schedule.changed', ...about, ...who },
        { type: 'schedule.resumed', ...about },
        { type: 'schedule.removed', ...about, ...who },
      ]);
    },
  },
  {
    title: 'goes on after a cursor without gaps or doubles, filtered or not',
    needs: 'events',
    async run(kit, expect) {
      const ids = await kit.addAll({}, { queue: 'r' }, {}, {}, { queue: 'r' }, {});
      const seen: string[] = [];
      let after: string | undefined;
      for (let turn = 0; turn < 9; turn++) {
        const page = await read(kit, { limit: 2, ...(after === undefined ? {} : { after }) });
        expect(page.gap).toBe(false);
        seen.push(...page.events.map((event) => event.subject));
        after = page.cursor;
      }
      expect(seen).toEqual(ids);
      expect((await read(kit, { queues: ['r'] })).events.length).toBe(2);
      const { cursor, events } = await read(kit, { after: 'latest' });
      expect(events).toEqual([]);
      const next = await kit.add();
      expect((await read(kit, { after: cursor })).events.map((e) => e.subject)).toEqual([next]);
    },
  },
  {
    title: 'begins anew, and says so, after a cursor of another store or of events that were lost',
    needs: 'events',
    async run(kit, expect) {
      const ids = await kit.addAll({}, {});
      const foreign = [
        'nope',
        '',
        '-1',
        '1.5',
        '9'.repeat(16),
        '9223372036854775807-1-1',
        'Latest',
      ];
      for (const after of foreign) {
        const page = await read(kit, { after });
        expect([after, page.gap]).toEqual([after, true]);
        expect(page.events.map((event) => event.subject)).toEqual(ids);
        expect((await read(kit, { after: page.cursor })).gap).toBe(false);
      }
    },
  },
  {
    title: 'keeps the last ten thousand events at least, drops old ones, and tells of the gap',
    needs: 'events',
    async run(kit, expect) {
      const [chunk, chunks] = [500, 45];
      const first = await kit.add();
      const { cursor } = await read(kit);
      let last = '';
      for (let added = 0; added < chunks; added++) {
        const ids = await kit.addAll(...Array.from({ length: chunk }, () => ({})));
        last = ids.at(-1) ?? '';
      }
      await kit.store.sweep(1);
      const old = await read(kit, { after: cursor, limit: 1_000 });
      expect(old.gap).toBe(true);
      const kept: string[] = [];
      for (let page = old; page.events.length > 0; ) {
        kept.push(...page.events.map(({ subject }) => subject));
        page = await read(kit, { after: page.cursor, limit: 1_000 });
        expect(page.gap).toBe(false);
      }
      expect(kept.length).toBeGreaterThanOrEqual(10_000);
      expect(chunk * chunks).toBeGreaterThan(kept.length);
      expect(kept.includes(first)).toBe(false);
      expect(kept.at(-1)).toBe(last);
      expect((await read(kit, { limit: 1 })).gap).toBe(false);
    },
  },
  {
    title: 'waits for the next event',
    needs: 'events',
    async run(kit, expect) {
      const { cursor } = await read(kit, { after: 'latest' });
      const waiting = read(kit, { after: cursor, queues: ['q'], waitMs: 20_000 });
      await kit.add({ queue: 'elsewhere' });
      const id = await kit.add();
      expect((await waiting).events.map((event) => event.subject)).toEqual([id]);
    },
  },
  {
    title: 'reports progress',
    needs: 'progress',
    async run(kit, expect) {
      const id = await kit.add();
      const { epoch } = await kit.claimOne('a');
      await kit.extend('a', { id, epoch, progress: '{"done":5}' });
      if (kit.store.events === undefined) return;
      const { events } = await read(kit, { types: ['task.progress'] });
      expect(events).toMatchObject([{ subject: id, epoch, progress: '{"done":5}' }]);
    },
  },
  {
    title: 'counts what happened by the minute, with how long it waited and ran',
    needs: 'metrics',
    async run(kit, expect) {
      await kit.addAll({}, {}, {});
      const { now } = await kit.exchange('clock');
      await kit.harness.advance(2_000);
      const [a, b, c] = await kit.claim('a', 3);
      if (!a || !b || !c) throw new Error('three were claimed');
      await kit.harness.advance(500);
      await kit.settle('a', kit.completed(a), kit.retry(b, 90_000));
      await kit.harness.advance(1_000);
      await kit.settle('a', kit.dead(c));
      const minute = now - (now % 60_000);
      const all = await kit.store.minutes?.('q', minute, minute + 600_000);
      expect(all).toEqual([
        {
          at: minute,
          added: 3,
          started: 3,
          completed: 1,
          failed: 1,
          dead: 1,
          waitMs: 6_000,
          waitMaxMs: 2_000,
          runMs: 2_500,
          runMaxMs: 1_500,
        },
      ]);
      await kit.harness.advance(60_000);
      await kit.add();
      const later = await kit.store.minutes?.('q', minute + 60_000, minute + 120_000);
      expect(later).toMatchObject([{ at: minute + 60_000, added: 1, started: 0 }]);
      expect(await kit.store.minutes?.('none', 0, now)).toEqual([]);
    },
  },
];
