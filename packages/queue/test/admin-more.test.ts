import { describe, expect, it } from 'vitest';
import { createQueue, defineTask, memoryStore, QueueAdmin, type QueueStore } from '../src/index.js';
import {
  activityListSchema,
  eventListSchema,
  queueInfoSchema,
  queueListSchema,
  scheduleListSchema,
  scheduleSchema,
  taskPageSchema,
  taskSchema,
} from '../src/schemas.js';
import { Kit, virtualClock } from '../src/testing.js';

const task = defineTask('t', { retry: { attempts: 2 } });

function setUp() {
  const clock = virtualClock();
  const store = memoryStore({ clock });
  const kit = new Kit({ store, advance: (ms) => clock.advance(ms), close: () => store.close() });
  const queue = createQueue('q', { store });
  return { clock, kit, store, queue, admin: new QueueAdmin({ store }) };
}

describe('QueueAdmin on tasks', () => {
  it('redrives with another payload, and says when the key was taken over', async () => {
    const { clock, kit, queue, admin } = setUp();
    const id = await kit.addDead({ payload: '{"to":"x"}' });
    const redriven = taskSchema.parse(await admin.redrive(id, { payload: { to: 'y' }, by: 'ann' }));
    expect(redriven).toMatchObject({ state: 'ready', payload: { to: 'y' } });
    expect(redriven.history.at(-1)).toMatchObject({ kind: 'redriven', by: 'ann', edited: true });
    await kit.claimOne('a');
    const dead = await kit.addDead({ key: { value: 'k', ttlMs: 1_000 } });
    await clock.advance(1_000);
    await queue.enqueue(task, 1, { idempotencyKey: 'k' });
    await expect(admin.redrive(dead)).rejects.toThrow('another task has its idempotency key');
    await expect(admin.redrive(dead, { payload: 1n })).rejects.toMatchObject({
      code: 'QUEUE_INPUT_INVALID',
    });
  });

  it('sets the range of priorities, and says when one is not in it', async () => {
    const { queue, admin } = setUp();
    const { id } = await queue.enqueue(task, {});
    const { id: high } = await createQueue('r', { store: queue.store }).enqueue(task, 1, {
      priority: 9,
    });
    const priorities = { min: -1, max: 4 };
    const info = queueInfoSchema.parse(await admin.setLimits('q', { priorities }));
    expect(info.limits).toMatchObject({ concurrency: null, priorities });
    const refused = { code: 'QUEUE_PRIORITY_INVALID' };
    await expect(queue.enqueue(task, {}, { priority: 5 })).rejects.toMatchObject(refused);
    await expect(admin.reprioritise(id, 5)).rejects.toMatchObject(refused);
    await expect(admin.move(high, 'q')).rejects.toMatchObject(refused);
    expect((await admin.reprioritise(id, 4)).priority).toBe(4);
    await admin.setLimits('q', { priorities: null });
    expect((await admin.move(high, 'q')).queue).toBe('q');
  });

  it('lists queues and schedules page by page', async () => {
    const { store, admin } = setUp();
    for (const name of ['a', 'b', 'c']) {
      const queue = createQueue(name, { store });
      await queue.enqueue(task, 1);
      await queue.schedule('s', task, 1, { every: '1h' });
    }
    const first = queueListSchema.parse(await admin.queues({ limit: 2 }));
    expect(first.items.map(({ queue }) => queue)).toEqual(['a', 'b']);
    const { items, nextCursor } = await admin.queues({ limit: 2, cursor: first.nextCursor });
    expect([items.map(({ queue }) => queue), nextCursor]).toEqual([['c'], null]);
    const two = scheduleListSchema.parse(await admin.schedules({ limit: 2 }));
    expect(two.items.map(({ queue }) => queue)).toEqual(['a', 'b']);
    const rest = await admin.schedules({ limit: 2, cursor: two.nextCursor });
    expect([rest.items.map(({ queue }) => queue), rest.nextCursor]).toEqual([['c'], null]);
    expect(await admin.schedule('b', 's')).toEqual(two.items[1]);
    await expect(admin.schedule('b', 'x')).rejects.toMatchObject({
      code: 'QUEUE_SCHEDULE_NOT_FOUND',
    });
    // The cursor of one list is none of another.
    await expect(admin.queues({ cursor: two.nextCursor })).rejects.toThrow('`input.cursor`');
    await expect(admin.schedules({ cursor: first.nextCursor })).rejects.toThrow('`input.cursor`');
  });

  it('redrives many at a rate', async () => {
    const { clock, kit, admin } = setUp();
    for (let i = 0; i < 3; i++) await kit.addDead();
    expect(await admin.redriveMany({ filter: { queue: 'q' }, everyMs: 1_000 })).toEqual({
      changed: 3,
    });
    expect(await admin.counts('q')).toMatchObject({ ready: 1, scheduled: 2, dead: 0 });
    await clock.advance(2_000);
    expect((await kit.claim('a', 9)).length).toBe(3);
  });

  it('cancels what runs where that is asked for, and empties a queue', async () => {
    const { kit, queue, admin } = setUp();
    const { id } = await queue.enqueue(task, {});
    const lease = await kit.claimOne('a');
    await admin.cancel(id, { running: true, reason: 'mistake' });
    expect(taskSchema.parse(await admin.get(id))).toMatchObject({
      state: 'leased',
      cancelRequested: true,
    });
    expect(await kit.extend('a', lease)).toEqual(['cancel']);
    for (let n = 0; n < 5; n++) await queue.enqueue(task, n, { delay: n * 1_000 });
    expect(await admin.cancelMany({ filter: { queue: 'q' }, limit: 4 })).toEqual({ changed: 4 });
    expect(await admin.cancelMany({ filter: { queue: 'q' } })).toEqual({ changed: 1 });
    expect(await admin.clean({ filter: { states: ['cancelled'] } })).toEqual({ changed: 5 });
    expect(await admin.counts('q')).toMatchObject({ leased: 1, cancelled: 0 });
  });

  it('promotes, reprioritises and moves tasks', async () => {
    const { queue, admin } = setUp();
    const { id } = await queue.enqueue(task, {}, { delay: '1h' });
    expect(await admin.promote(id)).toMatchObject({ state: 'ready' });
    await expect(admin.promote(id)).rejects.toMatchObject({ code: 'QUEUE_TASK_CONFLICT' });
    expect(await admin.reprioritise(id, 9, { by: 'ann' })).toMatchObject({ priority: 9 });
    await expect(admin.reprioritise(id, 99_999)).rejects.toMatchObject({
      code: 'QUEUE_INPUT_INVALID',
    });
    expect(await admin.move(id, 'r')).toMatchObject({ queue: 'r' });
    await expect(admin.promote('nope')).rejects.toMatchObject({ code: 'QUEUE_TASK_NOT_FOUND' });
  });

  it('promotes, reprioritises and moves many, up to a limit', async () => {
    const { kit, queue, admin } = setUp();
    const dead = await kit.addDead();
    for (let n = 0; n < 3; n++) await queue.enqueue(task, n, { delay: '1h' });
    const filter = { queue: 'q', name: 't' };
    expect(await admin.promoteMany({ filter, limit: 2 })).toEqual({ changed: 2 });
    expect(await admin.counts('q')).toMatchObject({ ready: 2, scheduled: 1 });
    const urgent = { filter, priority: 5, limit: 2, by: 'ann' };
    // The same again comes to those that were left.
    expect(await admin.reprioritiseMany(urgent)).toEqual({ changed: 2 });
    expect(await admin.reprioritiseMany(urgent)).toEqual({ changed: 1 });
    expect(await admin.reprioritiseMany(urgent)).toEqual({ changed: 0 });
    const [{ id, history } = { id: '', history: [] }] = (await admin.list({ filter })).items;
    expect(history.at(-1)).toMatchObject({ kind: 'reprioritised', by: 'ann' });
    expect(await admin.reprioritise(id, 5)).toMatchObject({ priority: 5, history });
    const move = { filter: { ...filter, states: ['ready' as const] }, to: 'r' };
    expect(await admin.moveMany(move)).toEqual({ changed: 2 });
    expect(await admin.moveMany({ filter, to: 'r' })).toEqual({ changed: 2 });
    expect(await admin.counts('r')).toMatchObject({ ready: 2, scheduled: 1, dead: 1 });
    expect((await admin.get(dead)).history.at(-1)).toMatchObject({ kind: 'moved', from: 'q' });
    await expect(admin.reprioritise(dead, 0)).rejects.toMatchObject({
      code: 'QUEUE_TASK_CONFLICT',
    });
  });

  it('tells of a purge by one event, with the count', async () => {
    const { kit, admin } = setUp();
    for (let n = 0; n < 20; n++) await kit.addDead();
    const { cursor } = await admin.events({ after: 'latest' });
    const by = { by: 'ann', reason: 'all of them failed the same way' };
    expect(await admin.purge({ filter: { queue: 'q' }, ...by })).toEqual({ changed: 20 });
    const { items } = eventListSchema.parse(await admin.events({ after: cursor }));
    expect(items).toMatchObject([
      { type: 'queue.cleaned', subject: 'q', data: { count: 20, ...by } },
    ]);
    expect(items.length).toBe(1);
  });

  it('filters by group, error and time, and lists the children of a task', async () => {
    const { kit, queue, admin } = setUp();
    await kit.addDead({ group: { key: 'acme' } });
    await kit.addDead();
    const list = async (filter: object): Promise<number> =>
      taskPageSchema.parse(await admin.list({ filter })).items.length;
    expect(await list({ group: 'acme' })).toBe(1);
    expect(await list({ error: 'Error', finishedTo: '2026-01-02T00:00:00.000Z' })).toBe(2);
    expect(await list({ finishedFrom: '2026-01-02T00:00:00.000Z' })).toBe(0);
    const items = [1, 2, 3].map((payload) => ({ task, payload }));
    const outcomes = await queue.enqueueBatch(items, { task, payload: 'all' });
    const parent = outcomes.at(-1)?.id ?? '';
    expect(taskSchema.parse(await admin.get(parent))).toMatchObject({
      state: 'scheduled',
      blockedBy: 'children',
    });
    const page = taskPageSchema.parse(await admin.children(parent, { limit: 2, sort: 'oldest' }));
    expect(page.items.map((item) => item.payload)).toEqual([1, 2]);
    expect(page.nextCursor).not.toBe(null);
  });
});

describe('QueueAdmin on queues', () => {
  it('sets limits, shows them, and refuses those that make no sense', async () => {
    const { kit, admin } = setUp();
    const rate = { max: 5, windowMs: 1_000 };
    const groups = { acme: { concurrency: 1, weight: 2 } };
    const info = queueInfoSchema.parse(
      await admin.setLimits('q', {
        concurrency: 2,
        rate,
        groupDefaults: { concurrency: 3 },
        groups,
      }),
    );
    expect(info.limits).toEqual({
      concurrency: 2,
      rate,
      priorities: null,
      groupDefaults: { concurrency: 3 },
      groups,
    });
    await kit.addGroup('acme', 2);
    expect((await admin.queue('q')).blocked).toBe(1);
    const none = { concurrency: null, rate: null, groupDefaults: null, groups: { acme: null } };
    expect((await admin.setLimits('q', none)).limits).toBe(undefined);
    for (const wrong of [
      { concurrency: -1 },
      { concurrency: Number.NaN },
      { rate: { max: 1, windowMs: 0 } },
      { rate: 5 },
      { groups: { a: { weight: 0 } } },
      { cap: 1 },
    ]) {
      await expect(admin.setLimits('q', wrong as object)).rejects.toMatchObject({
        code: 'QUEUE_INPUT_INVALID',
      });
    }
  });

  it('lists, pauses, resumes and removes schedules', async () => {
    const { queue, admin } = setUp();
    await queue.schedule('nightly', task, { n: 1 }, { cron: '0 3 * * *', timeZone: 'Asia/Tokyo' });
    await queue.schedule('often', task, {}, { every: '5m', missed: { policy: 'all', max: 3 } });
    const { items } = scheduleListSchema.parse(await admin.schedules({ queue: 'q' }));
    expect(items).toMatchObject([
      { id: 'nightly', cron: '0 3 * * *', timeZone: 'Asia/Tokyo', payload: { n: 1 } },
      { id: 'often', everyMs: 300_000, missed: 'all', nextRunAt: '2026-01-01T00:05:00.000Z' },
    ]);
    expect(await admin.pauseSchedule('q', 'often')).toMatchObject({
      paused: true,
      nextRunAt: null,
    });
    expect(scheduleSchema.parse(await admin.resumeSchedule('q', 'often')).paused).toBe(false);
    await admin.removeSchedule('q', 'often');
    for (const change of [admin.removeSchedule('q', 'often'), admin.pauseSchedule('q', 'x')]) {
      await expect(change).rejects.toMatchObject({ code: 'QUEUE_SCHEDULE_NOT_FOUND' });
    }
  });

  it('runs a schedule now, beside its runs, unless it must not overlap', async () => {
    const { kit, queue, admin } = setUp();
    const before = await queue.schedule('often', task, { n: 1 }, { every: '5m', overlap: 'skip' });
    const { id, outcome } = await admin.triggerSchedule('q', 'often');
    expect(outcome).toBe('added');
    expect(await admin.triggerSchedule('q', 'often')).toEqual({ outcome: 'duplicate', id });
    const { payload, headers, state } = await admin.get(id);
    expect({ payload, headers, state }).toEqual({
      payload: { n: 1 },
      headers: { 'schedule-id': 'often' },
      state: 'ready',
    });
    const [after] = (await kit.store.schedules?.({})) ?? [];
    expect(after).toEqual(before);
    const missing = admin.triggerSchedule('q', 'x');
    await expect(missing).rejects.toMatchObject({ code: 'QUEUE_SCHEDULE_NOT_FOUND' });
  });

  it('shows events with a cursor, and activity by the minute', async () => {
    const { clock, kit, queue, admin } = setUp();
    await queue.enqueue(task, {});
    const first = eventListSchema.parse(await admin.events({ limit: 1 }));
    expect(first).toMatchObject({
      gap: false,
      items: [{ type: 'task.added', data: { name: 't' } }],
    });
    await clock.advance(2_000);
    const lease = await kit.claimOne('a');
    await clock.advance(1_000);
    await kit.settle('a', kit.completed(lease));
    const rest = await admin.events({ after: first.cursor });
    expect(rest.items.map((event) => event.type)).toEqual([
      'task.started',
      'task.completed',
      'queue.drained',
    ]);
    const activity = activityListSchema.parse(await admin.activity('q'));
    expect(activity.items).toMatchObject([
      { at: '2026-01-01T00:00:00.000Z', added: 1, completed: 1, waitMs: 2_000, runMs: 1_000 },
    ]);
    await expect(admin.activity('q', { from: 'noon' })).rejects.toMatchObject({
      code: 'QUEUE_INPUT_INVALID',
    });
    await expect(admin.events({ types: ['task.eaten' as never] })).rejects.toMatchObject({
      code: 'QUEUE_INPUT_INVALID',
    });
  });

  it('refuses what the store cannot do, and above all filters that it would ignore', async () => {
    const { store, kit } = setUp();
    const id = await kit.addDead();
    const lesser = new Proxy(store, {
      get: (target, name) => {
        if (name === 'traits') return { ...target.traits, features: [] };
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    }) as QueueStore;
    const admin = new QueueAdmin({ store: lesser });
    for (const attempt of [
      admin.purge({ filter: { group: 'g' } }),
      admin.list({ filter: { error: 'Error' } }),
      admin.redrive(id, { payload: 1 }),
      admin.redriveMany({ everyMs: 5 }),
      admin.cancel(id, { running: true }),
      admin.promote(id),
      admin.move(id, 'r'),
      admin.promoteMany(),
      admin.reprioritiseMany({ priority: 1 }),
      admin.moveMany({ to: 'r' }),
      admin.setLimits('q', { concurrency: 1 }),
      admin.schedules(),
      admin.events(),
      admin.activity('q'),
      admin.children(id),
    ]) {
      await expect(attempt).rejects.toMatchObject({ code: 'QUEUE_UNSUPPORTED' });
    }
    expect(await admin.counts('q')).toMatchObject({ dead: 1 });
  });
});
