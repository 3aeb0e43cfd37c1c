import { createQueue, memoryStore } from '@holdfast/queue';
import { postgresStore } from '@holdfast/queue/postgres';
import { assertEnqueued } from '@holdfast/queue/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { queueProbe } from '../src/compose/queue.js';
import { countDeliveries } from '../src/operations/delivery-statistics.js';
import type { RunningServer } from '../src/server.js';
import { eventually, Receiver, startTestServer } from './helpers.js';
import { httpClient } from './http-client.js';

const QUEUE = '/v1/queues/operations';
let server: RunningServer;
const call = httpClient(() => server.url);

beforeAll(async () => {
  server = await startTestServer();
});

afterAll(async () => {
  await server?.shutdown('the tests are over');
});

/** Enqueues a probe; gives its id. */
async function probe(payload: object = {}, options: object = {}): Promise<string> {
  const { status, headers, body } = await call('POST', '/v1/tasks', {
    name: 'queue.probe',
    payload,
    ...options,
  });
  expect([status, body.outcome]).toEqual([202, 'added']);
  expect(headers.get('location')).toBe(`/v1/tasks/${body.id}`);
  return body.id;
}

const task = async (id: string) => (await call('GET', `/v1/tasks/${id}`)).body;
/** The task once it is in a state. */
const reaches = (id: string, state: string) =>
  eventually(async () => {
    const found = await task(id);
    return found.state === state ? found : undefined;
  });
const list = async (query: string) => (await call('GET', `/v1/tasks?${query}`)).body.items;
const ids = (items: { id: string }[]) => items.map(({ id }) => id);

describe('tasks over HTTP', () => {
  it('Q1: have payload, priority, timings, result, headers and attempts; what does not fit is refused', async () => {
    const id = await probe({ result: { ownName: 1 } }, { priority: 7, headers: { 'X-Own': 'a' } });
    const done = await reaches(id, 'completed');
    expect(done).toMatchObject({
      queue: 'operations',
      name: 'queue.probe',
      priority: 7,
      attempts: 1,
      max_attempts: 3,
      result: { ownName: 1 },
      payload: { result: { ownName: 1 } },
    });
    expect(done.headers['X-Own']).toBe('a');
    expect(Date.parse(done.finished_at)).toBeGreaterThanOrEqual(Date.parse(done.enqueued_at));
    const refused = await call('POST', '/v1/tasks', { name: 'queue.probe', payload: { steps: 0 } });
    expect([refused.status, refused.body.errors[0].path]).toEqual([422, 'payload.steps']);
  });

  it('Q2: are retried with backoff, and every failed attempt is in the history', async () => {
    const id = await probe({ fail_attempts: 2 });
    const { attempts, history } = await reaches(id, 'completed');
    expect(attempts).toBe(3);
    expect(history).toMatchObject([
      { kind: 'error', attempt: 1, message: 'The probe fails, as it was told: 1' },
      { kind: 'error', attempt: 2 },
    ]);
    expect(history[0].stack).toContain('Error');
    expect(history[0].duration_ms).toBeGreaterThanOrEqual(0);
  });

  it('Q3: that fail for good are dead letters: filtered, redriven with another payload, many at a pace, purged', async () => {
    const dead = [await probe({ fail_attempts: 3 }), await probe({ fail_attempts: 4 })];
    for (const id of dead) await reaches(id, 'dead');
    expect(ids(await list('state=dead&error=Error&sort=oldest'))).toEqual(dead);
    const [first, second] = dead;
    const fixed = { payload: { result: 'fixed' }, reason: 'a fault in the payload' };
    const redriven = await call('POST', `/v1/tasks/${first}/redrive`, fixed);
    expect(redriven.body.history.at(-1)).toMatchObject({
      kind: 'redriven',
      by: 'local',
      reason: 'a fault in the payload',
      edited: true,
    });
    expect((await reaches(first ?? '', 'completed')).result).toBe('fixed');
    const twice = await call('POST', `/v1/tasks/${first}/redrive`, {});
    expect([twice.status, twice.body.code]).toEqual([409, 'QUEUE_TASK_CONFLICT']);
    const pace = { filter: { queue: 'operations' }, limit: 10, every_ms: 60_000 };
    expect((await call('POST', '/v1/tasks/redrive', pace)).body).toEqual({ changed: 1 });
    await reaches(second ?? '', 'dead');
    expect((await call('POST', '/v1/tasks/purge', {})).body).toEqual({ changed: 1 });
    expect((await call('GET', `/v1/tasks/${second}`)).body.code).toBe('QUEUE_TASK_NOT_FOUND');
  });

  it('Q4: wait for their time, are promoted, deduplicated, and run by schedules', async () => {
    const later = await probe({}, { delay_ms: 3_600_000, idempotency_key: 'once' });
    expect((await task(later)).state).toBe('scheduled');
    const again = { name: 'queue.probe', idempotency_key: 'once', payload: { result: 2 } };
    expect((await call('POST', '/v1/tasks', again)).body).toEqual({
      outcome: 'duplicate',
      id: later,
    });
    const replacing = { ...again, on_duplicate: 'replace', delay_ms: 3_600_000 };
    expect((await call('POST', '/v1/tasks', replacing)).body.outcome).toBe('replaced');
    expect((await call('PATCH', `/v1/tasks/${later}`, { priority: 9 })).body.priority).toBe(9);
    expect((await call('POST', `/v1/tasks/${later}/promote`)).status).toBe(200);
    expect((await reaches(later, 'completed')).result).toBe(2);

    const nightly = {
      task: 'queue.probe',
      payload: {},
      cron: '0 3 * * *',
      time_zone: 'Europe/Kyiv',
    };
    const made = await call('PUT', `${QUEUE}/schedules/nightly`, nightly);
    expect(made.body).toMatchObject({ id: 'nightly', cron: '0 3 * * *', time_zone: 'Europe/Kyiv' });
    const often = { task: 'queue.probe', payload: { result: 'tick' }, every_ms: 1_000 };
    await call('PUT', `${QUEUE}/schedules/often`, often);
    const schedules = (await call('GET', '/v1/schedules?queue=operations')).body.items;
    expect(ids(schedules)).toEqual(['maintenance.prune', 'nightly', 'often', 'report.trends']);
    const first = (await call('GET', '/v1/schedules?queue=operations&limit=2')).body;
    expect(ids(first.items)).toEqual(['maintenance.prune', 'nightly']);
    const next = `/v1/schedules?queue=operations&cursor=${first.next_cursor}`;
    const second = (await call('GET', next)).body;
    expect([ids(second.items), second.next_cursor]).toEqual([['often', 'report.trends'], null]);
    const one = await call('GET', `${QUEUE}/schedules/nightly`);
    expect(one.body).toMatchObject({ id: 'nightly', task: 'queue.probe' });
    const run = await eventually(async () => {
      const page = await call('GET', '/v1/task-events?type=schedule.fired&queue=operations');
      return page.body.items.find((event: { subject: string }) => event.subject === 'often');
    });
    expect(run.data.name).toBe('queue.probe');
    const why = { reason: 'too noisy' };
    const paused = await call('POST', `${QUEUE}/schedules/often/pause`, why);
    expect(paused.body).toMatchObject({ paused: true, next_run_at: null });
    const said = await eventually(async () => {
      const page = await call('GET', '/v1/task-events?type=schedule.paused&queue=operations');
      return page.body.items[0]?.data;
    });
    expect(said).toEqual({ by: 'local', reason: 'too noisy' });
    const triggered = await call('POST', `${QUEUE}/schedules/nightly/trigger`, why);
    expect(triggered.status).toBe(202);
    expect((await reaches(triggered.body.id, 'completed')).headers).toMatchObject({
      'schedule-id': 'nightly',
      'triggered-by': 'local',
      'trigger-reason': 'too noisy',
    });
    for (const id of ['often', 'nightly']) {
      const { status } = await call('DELETE', `${QUEUE}/schedules/${id}?reason=done`);
      expect(status).toBe(200);
    }
    expect((await call('POST', `${QUEUE}/schedules/often/trigger`)).status).toBe(404);
  });

  it('Q4: prune by a schedule, which forgets what has run out', async () => {
    const sent = await fetch(`${server.url}/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': 'prune-me' },
      body: JSON.stringify({ client_id: 'c', text: 'Hello' }),
    });
    expect(sent.status).toBe(202);
    await server.db.query(
      "update holdfast.messaging_idempotency set expires_at = now() - interval '1 hour'",
    );
    const { id } = (await call('POST', `${QUEUE}/schedules/maintenance.prune/trigger`)).body;
    expect((await reaches(id, 'completed')).headers['schedule-id']).toBe('maintenance.prune');
    const { rows } = await server.db.query('select key from holdfast.messaging_idempotency');
    expect(rows).toEqual([]);
  });

  it('Q4: run in batches: what processes counted of deliveries is added up, each count once', async () => {
    const statistics = async (query = '') =>
      (await call('GET', `/v1/statistics/deliveries${query}`)).body.items;
    const receiver = await Receiver.start();
    receiver.answers.push(204, 204, 410);
    for (let n = 0; n < 3; n++) {
      const message = { client_id: `sent-${n}`, text: 'Hello', webhook_url: receiver.url };
      await call('POST', '/v1/messages', message);
    }
    const seen = await eventually(async () => {
      const [hour] = await statistics();
      return hour !== undefined && hour.delivered + hour.dead === 3 ? hour : undefined;
    });
    expect(seen).toMatchObject({ delivered: 2, dead: 1, retrying: 0 });
    await receiver.close();

    await call('POST', `${QUEUE}/pause`, {});
    const payload = { hour: '2026-01-01T10:00:00.000Z', delivered: 1, retrying: 2, dead: 0 };
    const queue = createQueue('operations', { store: postgresStore(server.db) });
    await queue.enqueueMany(
      Array.from({ length: 120 }, () => ({
        task: countDeliveries,
        payload: { ...payload, duration_ms: 5 },
      })),
    );
    await call('POST', `${QUEUE}/resume`);
    await eventually(async () => {
      const left = await list('name=delivery.count&state=ready&limit=1');
      return left.length === 0 ? true : undefined;
    });
    const day = '?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z';
    const added = await eventually(async () => {
      const [hour] = await statistics(day);
      return hour?.delivered === 120 ? hour : undefined;
    });
    expect(added).toEqual({
      ...{ hour: payload.hour, delivered: 120, retrying: 240, dead: 0, duration_ms: 600 },
    });
    expect((await call('GET', '/v1/statistics/deliveries?from=noon')).body.errors[0].path).toBe(
      'from',
    );
  });

  it('Q5: report progress, and end when they are cancelled while they run', async () => {
    const id = await probe({ take_ms: 30_000, steps: 100 });
    const running = await eventually(async () => {
      const found = await task(id);
      return found.progress?.step >= 1 ? found : undefined;
    });
    expect(running).toMatchObject({ state: 'leased', progress: { steps: 100 } });
    expect((await call('POST', `/v1/tasks/${id}/cancel`, {})).status).toBe(409);
    expect((await call('POST', `/v1/tasks/${id}/cancel`, { running: true })).status).toBe(200);
    expect((await reaches(id, 'cancelled')).result).toBeNull();
  });

  it('Q5: compute in a thread: a report of what clients write about more than before', async () => {
    const send = (text: string, n: number) =>
      call('POST', '/v1/messages', { client_id: `client-${n}`, text });
    for (let n = 0; n < 10; n++) await send(`Card payment ${n} was declined`, n);
    await server.db.query(
      "update holdfast.messaging_messages set created_at = now() - interval '30 hours'",
    );
    for (let n = 0; n < 10; n++) await send(`Выписка: the statement ${n} is a blank page`, n);
    const asked = { name: 'report.trends', payload: { hours: 24 } };
    const { id } = (await call('POST', '/v1/tasks', asked)).body;
    const { result, progress } = await reaches(id, 'completed');
    expect(result).toMatchObject({ messages: 10, before: expect.any(Number) });
    expect(progress).toEqual({ read: result.messages + result.before });
    const terms = result.rising.map(({ term }: { term: string }) => term);
    expect(terms).toEqual(expect.arrayContaining(['выписка', 'statement', 'blank', 'page']));
    expect(terms).not.toContain('declined');
    const bad = { ...asked, payload: { hours: 0 } };
    expect((await call('POST', '/v1/tasks', bad)).body.errors[0].path).toBe('payload.hours');
  });

  it('Q5: run more at once while many wait', async () => {
    const queue = createQueue('operations', { store: postgresStore(server.db) });
    await queue.enqueueMany(
      Array.from({ length: 150 }, () => ({ task: queueProbe, payload: { take_ms: 200 } })),
    );
    const leased = async () => (await call('GET', QUEUE)).body.counts.leased;
    await eventually(async () => ((await leased()) > 6 ? true : undefined));
    const left = { filter: { queue: 'operations', names: ['queue.probe'] } };
    await call('POST', '/v1/tasks/cancel', left);
    await eventually(async () => ((await leased()) === 0 ? true : undefined));
  });

  it('Q6: carry the lease and the epoch that fence them', async () => {
    const id = await probe({ take_ms: 400 });
    const leased = await reaches(id, 'leased');
    expect(leased).toMatchObject({ epoch: 1, attempts: 1 });
    expect(Date.parse(leased.lease_until)).toBeGreaterThan(Date.parse(leased.started_at));
    expect(leased.worker).toMatch(/^[0-9a-f-]{36}$/);
    await reaches(id, 'completed');
  });

  it('Q7: are enqueued in the transaction of the caller, or not at all', async () => {
    const queue = createQueue('operations', { store: postgresStore(server.db) });
    const inside = async (fail: boolean): Promise<string> => {
      let id = '';
      const work = server.db.transaction(async (tx) => {
        ({ id } = await queue.enqueue(queueProbe, {}, { tx }));
        if (fail) throw new Error('roll back');
      });
      await work.catch(() => undefined);
      return id;
    };
    expect((await call('GET', `/v1/tasks/${await inside(true)}`)).status).toBe(404);
    await reaches(await inside(false), 'completed');
  });

  it('Q8: are paged, moved, cancelled and cleaned; queues are paused, and show counts', async () => {
    const pause = await call('POST', `${QUEUE}/pause`, { reason: 'the walk' });
    expect(pause.body).toMatchObject({
      paused: true,
      paused_reason: 'the walk',
      paused_by: 'local',
    });
    const waiting = [await probe(), await probe(), await probe()];
    expect((await call('GET', QUEUE)).body.counts.ready).toBe(3);
    const seen: string[] = [];
    for (let cursor = ''; ; ) {
      const path = `/v1/tasks?state=ready&sort=oldest&limit=2${cursor && `&cursor=${cursor}`}`;
      const { body } = await call('GET', path);
      seen.push(...ids(body.items));
      cursor = body.next_cursor ?? '';
      if (cursor === '') break;
    }
    expect(seen).toEqual(waiting);
    const moved = await call('PATCH', `/v1/tasks/${waiting[0]}`, { queue: 'elsewhere' });
    expect(moved.body).toMatchObject({ queue: 'elsewhere', state: 'ready' });
    const queues = (await call('GET', '/v1/queues')).body.items;
    expect(queues.map(({ queue }: { queue: string }) => queue)).toEqual([
      'elsewhere',
      'operations',
    ]);
    const ended = await call('POST', '/v1/tasks/cancel', { filter: { queue: 'operations' } });
    expect(ended.body).toEqual({ changed: 2 });
    expect((await call('DELETE', `/v1/tasks/${waiting[0]}`)).status).toBe(204);
    const clean = { filter: { states: ['cancelled'], queue: 'operations' } };
    expect((await call('POST', '/v1/tasks/clean', clean)).body.changed).toBeGreaterThanOrEqual(2);
    expect((await call('POST', `${QUEUE}/resume`)).body).toMatchObject({ paused: false });
  });

  it('Q8: are promoted, reprioritised, moved and cleaned by filter, many at a time', async () => {
    const filter = { queue: 'operations', name: 'queue.probe' };
    await call('POST', `${QUEUE}/pause`, { reason: 'the walk' });
    const later = { delay_ms: 3_600_000 };
    const [first, second] = [await probe({}, later), await probe({}, later)];
    const many = (name: string, more: object = {}) =>
      call('POST', `/v1/tasks/${name}`, { filter, ...more });
    expect((await many('promote', { limit: 1 })).body).toEqual({ changed: 1 });
    expect((await call('GET', `/v1/tasks/${first}`)).body).toMatchObject({ state: 'ready' });
    expect((await many('reprioritise', { priority: 3 })).body).toEqual({ changed: 2 });
    expect((await many('reprioritise', { priority: 3 })).body).toEqual({ changed: 0 });
    const scheduled = { filter: { ...filter, states: ['scheduled'] }, to: 'aside' };
    expect((await call('POST', '/v1/tasks/move', scheduled)).body).toEqual({ changed: 1 });
    const moved = (await call('GET', `/v1/tasks/${second}`)).body;
    expect(moved).toMatchObject({ queue: 'aside', priority: 3, state: 'scheduled' });
    for (const queue of ['operations', 'aside'])
      await call('POST', '/v1/tasks/cancel', { filter: { ...filter, queue } });
    const { cursor } = (await call('GET', '/v1/task-events?after=latest&limit=1')).body;
    const clean = { filter: { queue: 'aside' }, reason: 'tidy' };
    expect((await call('POST', '/v1/tasks/clean', clean)).body).toEqual({ changed: 1 });
    const { items } = (
      await call('GET', `/v1/task-events?after=${cursor}&queue=aside&wait_ms=10000`)
    ).body;
    expect(items).toMatchObject([
      { type: 'queue.cleaned', subject: 'aside', data: { count: 1, reason: 'tidy', by: 'local' } },
    ]);
    await call('POST', `${QUEUE}/resume`);
  });

  it('Q9: are told of by events with a cursor, and counted by the minute', async () => {
    const { cursor } = (await call('GET', '/v1/task-events?after=latest&limit=1')).body;
    const follow = call('GET', `/v1/task-events?after=${cursor}&wait_ms=10000&type=task.completed`);
    const id = await probe();
    const { items, gap } = (await follow).body;
    expect(gap).toBe(false);
    expect(items[0]).toMatchObject({
      subject: id,
      queue: 'operations',
      data: { name: 'queue.probe' },
    });
    const { items: minutes } = (await call('GET', `${QUEUE}/activity`)).body;
    expect(minutes.at(-1).completed).toBeGreaterThanOrEqual(1);
    expect(minutes.at(-1).wait_max_ms).toBeGreaterThanOrEqual(0);
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    expect(metrics).toContain('holdfast_queue_');
  });

  it('Q10: keep to limits of their queue and of their group', async () => {
    const limits = { groups: { 'tenant-a': { concurrency: 1, weight: 2 } }, group_defaults: null };
    const limited = await call('PATCH', `${QUEUE}/limits`, { concurrency: 50, ...limits });
    expect(limited.body.limits).toMatchObject({
      concurrency: 50,
      groups: { 'tenant-a': { concurrency: 1, weight: 2 } },
    });
    const group = { group: { key: 'tenant-a' } };
    const first = await probe({ take_ms: 300 }, group);
    const second = await probe({}, group);
    expect(await task(second)).toMatchObject({ state: 'scheduled', blocked_by: 'group' });
    expect(ids(await list('blocked_by=group&group=tenant-a'))).toEqual([second]);
    const one = await reaches(first, 'completed');
    const two = await reaches(second, 'completed');
    expect(Date.parse(two.started_at)).toBeGreaterThanOrEqual(Date.parse(one.finished_at));
    await call('PATCH', `${QUEUE}/limits`, { priorities: { min: 0, max: 5 } });
    const wanted = { name: 'queue.probe', payload: {}, priority: 6 };
    const refused = await call('POST', '/v1/tasks', wanted);
    expect(refused.status).toBe(422);
    expect(refused.body.errors).toMatchObject([{ path: 'priority', received: '6 (number)' }]);
    const none = await call('PATCH', `${QUEUE}/limits`, {
      concurrency: null,
      priorities: null,
      reason: 'the test is over',
      groups: { 'tenant-a': null },
    });
    expect(none.body.limits?.concurrency ?? null).toBeNull();
  });

  it('Q11: wait for their children, and get their results', async () => {
    const child = (ref: string) => ({ name: 'queue.probe', payload: { result: ref }, ref });
    const parent = { name: 'queue.probe', payload: {}, after: ['a', 'b'] };
    const flow = { items: [child('a'), { ...child('b'), delay_ms: 200 }, parent] };
    const { status, body } = await call('POST', '/v1/tasks/flow', flow);
    expect(status).toBe(202);
    const [a, b, whole] = ids(body.items);
    expect(await task(whole ?? '')).toMatchObject({ blocked_by: 'children', children: [a, b] });
    const { body: children } = await call('GET', `/v1/tasks/${whole}/children?sort=oldest`);
    expect(ids(children.items)).toEqual([a, b]);
    const done = await reaches(whole ?? '', 'completed');
    expect(Date.parse(done.started_at)).toBeGreaterThanOrEqual(
      Date.parse((await task(b ?? '')).finished_at),
    );
  });

  it('Q12: are run and asserted in tests with the same definitions', async () => {
    const queue = createQueue('operations', { store: memoryStore() });
    await queue.enqueue(queueProbe, { result: 1 });
    expect(await assertEnqueued(queue, queueProbe, { payload: { result: 1 } })).toHaveLength(1);
  });
});

/** Each: method, path, body, the field that is named. */
const BAD: readonly (readonly [string, string, unknown, string])[] = [
  ['POST', '/v1/tasks', { name: 'nope', payload: {} }, 'name'],
  ['POST', '/v1/tasks', { name: 'queue.probe', payload: { take_ms: 1e9 } }, 'payload.take_ms'],
  ['POST', '/v1/tasks', { name: 'queue.probe', priority: 1e6 }, 'priority'],
  ['POST', '/v1/tasks', { name: 'queue.probe', delay_ms: -1 }, 'delay_ms'],
  [
    'POST',
    '/v1/tasks',
    { name: 'queue.probe', payload: {}, delay_ms: 1, run_at: '2030-01-01T00:00:00Z' },
    'delay_ms',
  ],
  [
    'POST',
    '/v1/tasks',
    { name: 'queue.probe', payload: {}, idempotency_key: 'a\0b' },
    'idempotency_key',
  ],
  [
    'POST',
    '/v1/tasks',
    { name: 'queue.probe', payload: {}, idempotency_key: '\ud800' },
    'idempotency_key',
  ],
  ['POST', '/v1/tasks', { name: 'queue.probe', payload: {}, headers: { a: 'x\0' } }, 'headers.a'],
  ['POST', '/v1/tasks', { name: 'queue.probe', group: { key: '' } }, 'group.key'],
  [
    'POST',
    '/v1/tasks',
    { name: 'queue.probe', payload: {}, on_duplicate: 'merge' },
    'on_duplicate',
  ],
  ['POST', '/v1/tasks', { name: 'queue.probe', runAt: 1 }, 'runAt'],
  ['POST', '/v1/tasks/flow', { items: [] }, 'items'],
  ['POST', '/v1/tasks/flow', { items: [{ name: 'queue.probe', after: ['x'] }] }, 'items[0].after'],
  ['GET', '/v1/tasks?limit=501', undefined, 'limit'],
  ['GET', '/v1/tasks?cursor=nope', undefined, 'cursor'],
  ['GET', '/v1/tasks?state=gone', undefined, 'state'],
  ['GET', '/v1/tasks?finished_from=yesterday', undefined, 'finished_from'],
  ['GET', '/v1/tasks?__proto__=1', undefined, '__proto__'],
  ['GET', '/v1/tasks?name=a%00b', undefined, 'filter.name'],
  ['POST', '/v1/tasks/redrive', { everyMs: 5 }, 'everyMs'],
  ['POST', '/v1/tasks/redrive', { every_ms: 0.5 }, 'every_ms'],
  ['POST', '/v1/tasks/redrive', { limit: 0 }, 'limit'],
  ['POST', '/v1/tasks/purge', { filter: { states: ['ready'] } }, 'filter.states'],
  ['POST', '/v1/tasks/clean', { filter: { states: ['ready'] } }, 'filter.states.0'],
  ['POST', '/v1/tasks/cancel', { by: 'somebody else' }, 'by'],
  ['POST', '/v1/tasks/reprioritise', { priority: 1e9 }, 'priority'],
  ['POST', '/v1/tasks/move', { filter: { states: ['leased'] }, to: 'r' }, 'filter.states.0'],
  ['PATCH', '/v1/tasks/019a6b3e-7c1d-7f60-8a53-0d6a4b7f2c11', {}, 'priority'],
  ['PATCH', `${QUEUE}/limits`, { concurrency: -1 }, 'concurrency'],
  ['PATCH', `${QUEUE}/limits`, { rate: { max: 1, window_ms: 1 } }, 'rate.window_ms'],
  ['PATCH', `${QUEUE}/limits`, { groupDefaults: null }, 'groupDefaults'],
  ['PATCH', `${QUEUE}/limits`, { priorities: { min: 1, max: 2 } }, 'priorities.min'],
  ['PATCH', `${QUEUE}/limits`, { by: 'somebody else' }, 'by'],
  ['POST', `${QUEUE}/schedules/s/pause`, { reason: '' }, 'reason'],
  ['POST', `${QUEUE}/pause`, { reason: '' }, 'reason'],
  ['POST', `/v1/queues/${'x'.repeat(201)}/pause`, {}, 'queue'],
  ['GET', '/v1/queues/a%00b', undefined, 'queue'],
  ['GET', `${QUEUE}/activity?from=now`, undefined, 'from'],
  ['PUT', `${QUEUE}/schedules/s`, { task: 'queue.probe' }, 'cron'],
  ['PUT', `${QUEUE}/schedules/s`, { task: 'queue.probe', cron: '99 * * * *' }, 'cron'],
  ['PUT', `${QUEUE}/schedules/s`, { task: 'queue.probe', every_ms: 1 }, 'every_ms'],
  ['GET', '/v1/queues?limit=0', undefined, 'limit'],
  ['GET', '/v1/queues?cursor=nope', undefined, 'cursor'],
  ['GET', '/v1/schedules?cursor=nope', undefined, 'cursor'],
  ['GET', '/v1/task-events?wait_ms=99999', undefined, 'wait_ms'],
  ['GET', '/v1/task-events?type=task.exploded', undefined, 'type'],
];

describe('a request that breaks rules', () => {
  it.each(BAD)('%s %s %j names %s and changes nothing', async (method, path, body, field) => {
    const before = (await call('GET', '/v1/queues')).body;
    const refused = await call(method, path, body);
    expect([refused.status, refused.body.code]).toEqual([422, 'REQUEST_INVALID']);
    expect(refused.headers.get('content-type')).toBe('application/problem+json');
    const [error] = refused.body.errors;
    expect(error.path).toBe(field);
    expect(error.rule).not.toBe('');
    expect(error.received).not.toBe('');
    expect((await call('GET', '/v1/queues')).body.items).toEqual(before.items);
  });

  it('leads to nothing that is not there', async () => {
    const id = '019a6b3e-7c1d-7f60-8a53-0d6a4b7f2c11';
    const gone: [string, string, unknown?][] = [
      ['GET', `/v1/tasks/${id}`],
      ['GET', '/v1/tasks/nope'],
      ['POST', `/v1/tasks/${id}/cancel`, {}],
      ['POST', '/v1/tasks/nope/redrive', {}],
      ['DELETE', `/v1/tasks/${id}`],
      ['PATCH', `/v1/tasks/${id}`, { priority: 1 }],
      ['POST', `${QUEUE}/schedules/nope/pause`],
      ['DELETE', `${QUEUE}/schedules/nope`],
    ];
    for (const [method, path, body] of gone) {
      expect([path, (await call(method, path, body)).status]).toEqual([path, 404]);
    }
  });
});
