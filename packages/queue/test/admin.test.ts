import { describe, expect, it } from 'vitest';
import { createQueue, defineTask, memoryStore, QueueAdmin } from '../src/index.js';
import { queueListSchema, taskPageSchema, taskSchema } from '../src/schemas.js';
import { Kit, virtualClock } from '../src/testing.js';

const task = defineTask('t', { retry: { attempts: 2 } });

function setUp() {
  const clock = virtualClock();
  const store = memoryStore({ clock });
  const kit = new Kit({ store, advance: (ms) => clock.advance(ms), close: () => store.close() });
  return {
    clock,
    kit,
    store,
    queue: createQueue('q', { store }),
    admin: new QueueAdmin({ store }),
  };
}

describe('QueueAdmin', () => {
  it('pages through tasks with cursors that survive inserts', async () => {
    const { queue, admin } = setUp();
    for (let n = 0; n < 5; n++) await queue.enqueue(task, { n });
    const seen: unknown[] = [];
    let cursor: string | null = null;
    do {
      const page = taskPageSchema.parse(await admin.list({ limit: 2, cursor }));
      seen.push(...page.items.map((item) => item.payload));
      cursor = page.nextCursor;
      await queue.enqueue(task, 'new');
    } while (cursor !== null);
    expect(seen).toEqual([4, 3, 2, 1, 0].map((n) => ({ n })));
  });

  it('refuses input that makes no sense, naming it', async () => {
    const { admin } = setUp();
    const refused = (input: object): Promise<string> =>
      admin.list(input).then(
        () => 'accepted',
        (error: Error) => error.message,
      );
    expect(await refused({ limit: 501 })).toContain('`input.limit`');
    expect(await refused({ limt: 5 })).toContain('Unrecognized key');
    expect(await refused({ filter: { states: ['gone'] } })).toContain('`input.filter.states.0`');
    expect(await refused({ cursor: 'x' })).toContain(
      '`input.cursor` to be the nextCursor of a page',
    );
    await expect(admin.get('nope')).rejects.toMatchObject({ code: 'QUEUE_TASK_NOT_FOUND' });
    await expect(admin.redrive('nope')).rejects.toMatchObject({ code: 'QUEUE_TASK_NOT_FOUND' });
  });

  it('redrives a dead letter once, and says so when it is not dead', async () => {
    const { kit, queue, admin } = setUp();
    const { id } = await queue.enqueue(task, { n: 1 });
    await expect(admin.redrive(id)).rejects.toMatchObject({
      code: 'QUEUE_TASK_CONFLICT',
      details: { state: 'ready' },
    });
    await kit.settle('a', kit.dead(await kit.claimOne('a')));
    expect(await admin.counts('q')).toMatchObject({ dead: 1, ready: 0 });
    const redriven = taskSchema.parse(await admin.redrive(id, { by: 'ann', reason: 'fixed' }));
    expect(redriven).toMatchObject({ id, state: 'ready', attempts: 0, payload: { n: 1 } });
    expect(redriven.history.map(({ kind, by }) => [kind, by])).toEqual([
      ['error', undefined],
      ['redriven', 'ann'],
    ]);
    await expect(admin.redrive(id)).rejects.toMatchObject({ code: 'QUEUE_TASK_CONFLICT' });
  });

  it('redrives and purges dead letters by filter, up to a limit', async () => {
    const { kit, admin } = setUp();
    for (let i = 0; i < 4; i++) await kit.addDead({ name: i < 2 ? 'a' : 'b' });
    expect(await admin.redriveMany({ filter: { name: 'a' }, limit: 1 })).toEqual({ changed: 1 });
    expect(await admin.purge({ filter: { name: 'b' } })).toEqual({ changed: 2 });
    expect(await admin.counts('q')).toMatchObject({ ready: 1, dead: 1 });
  });

  it('cancels and removes what does not run', async () => {
    const { kit, queue, admin } = setUp();
    const running = await queue.enqueue(task, {});
    await kit.claimOne('a');
    const waiting = await queue.enqueue(task, {});
    await admin.cancel(waiting.id, { reason: 'mistake' });
    expect(await admin.get(waiting.id)).toMatchObject({
      state: 'cancelled',
      history: [{ reason: 'mistake' }],
    });
    for (const change of [admin.cancel(running.id), admin.remove(running.id)]) {
      await expect(change).rejects.toMatchObject({ code: 'QUEUE_TASK_CONFLICT' });
    }
    await admin.remove(waiting.id);
    await expect(admin.get(waiting.id)).rejects.toMatchObject({ code: 'QUEUE_TASK_NOT_FOUND' });
  });

  it('lists queues with their age, and pauses and resumes them', async () => {
    const { clock, kit, queue, admin } = setUp();
    await queue.enqueue(task, {});
    await clock.advance(5_000);
    await admin.pause('q', { by: 'ann', reason: 'provider is down' });
    const { items } = queueListSchema.parse(await admin.queues());
    expect(items).toMatchObject([
      { queue: 'q', paused: true, pausedBy: 'ann', oldestReadyAgeSeconds: 5 },
    ]);
    expect(await kit.claim('a')).toEqual([]);
    expect(await admin.resume('q')).toMatchObject({ paused: false, pausedReason: null });
    expect((await kit.claim('a')).length).toBe(1);
  });
});
