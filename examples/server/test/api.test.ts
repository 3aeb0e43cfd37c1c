import { openDatabase } from '@holdfast/sql';
import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROBLEM_KINDS } from '../src/http/problem-kinds.js';
import type { RunningServer } from '../src/server.js';
import { eventually, LogLines, Receiver, startTestServer } from './helpers.js';

const KEY = 'the-key-of-these-tests';
const log = new LogLines();
let server: RunningServer;
let receiver: Receiver;
let operators: Receiver;

beforeAll(async () => {
  receiver = await Receiver.start();
  operators = await Receiver.start();
  server = await startTestServer(
    { API_KEYS: `another-key-of-someone,${KEY}`, OPERATOR_WEBHOOK_URL: operators.url },
    { destination: log, openDatabase: () => openDatabase({ memory: true }) },
  );
});

afterAll(async () => {
  await server?.shutdown('the tests are over');
  await Promise.all([receiver?.close(), operators?.close()]);
});

const call = async (
  method: string,
  path: string,
  options: { body?: unknown; key?: string } = {},
): Promise<{ status: number; headers: Headers; body: Record<string, unknown> }> => {
  const { body, key = KEY } = options;
  const response = await fetch(server.url + path, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const json = response.headers.get('content-type')?.includes('json') ?? false;
  return {
    status: response.status,
    headers: response.headers,
    body: (json ? JSON.parse(text) : { text }) as Record<string, unknown>,
  };
};

describe('an API key', () => {
  it('is needed under /v1 and nowhere else', async () => {
    for (const key of ['wrong-key-wrong-key', '']) {
      const refused = await call('GET', '/v1/deliveries', { key });
      expect(refused.status).toBe(401);
      expect(refused.headers.get('www-authenticate')).toBe('Bearer realm="holdfast"');
      expect(refused.body).toMatchObject({ code: 'UNAUTHENTICATED' });
    }
    expect((await call('GET', '/v1/deliveries')).status).toBe(200);
    for (const path of ['/', '/api/health', '/health/live', '/metrics', '/docs', '/openapi.json']) {
      expect([path, (await fetch(server.url + path)).status]).toEqual([path, 200]);
    }
  });

  it('is asked for before a body is read', async () => {
    const refused = await call('POST', '/v1/messages', { key: 'wrong-key-wrong-key', body: {} });
    expect(refused.status).toBe(401);
  });
});

describe('the system endpoints', () => {
  it('tell what runs', async () => {
    expect((await call('GET', '/')).body).toMatchObject({
      name: 'holdfast-server',
      status: 'running',
    });
    const health = (await call('GET', '/api/health')).body;
    expect(health.status).toBe('ok');
    expect(new Date(String(health.timestamp)).toISOString()).toBe(health.timestamp);
    expect((await call('GET', '/health/live')).body).toEqual({ status: 'alive' });
  });

  it('say ready with each dependency', async () => {
    const { status, body } = await call('GET', '/health/ready');
    expect(status).toBe(200);
    expect(body.ready).toBe(true);
    expect(Object.keys(body.checks as object).sort()).toEqual(
      ['cache', 'database', 'messaging', 'queue', 'worker'].sort(),
    );
    expect((body.checks as Record<string, unknown>).database).toEqual({
      status: 'healthy',
      critical: true,
      checked_at: expect.any(String),
      duration_ms: expect.any(Number),
    });
  });

  it('expose metrics of every package', async () => {
    const { headers, body } = await call('GET', '/metrics');
    expect(headers.get('content-type')).toContain('version=0.0.4');
    for (const prefix of [
      'holdfast_messaging_',
      'holdfast_queue_',
      'holdfast_cache_',
      'holdfast_checkpoint_',
      'db_pool_',
      'active_alerts_count',
      'http_server_request_duration_seconds_bucket',
      'nodejs_eventloop_lag_seconds',
    ]) {
      expect(String(body.text)).toContain(`\n${prefix}`);
    }
  });
});

describe('the document', () => {
  it('is valid OpenAPI 3.1 and names the webhook', async () => {
    const { body } = await call('GET', '/openapi.json');
    expect(await new Validator().validate(body)).toEqual({ valid: true });
    expect(body.openapi).toBe('3.1.0');
    expect(Object.keys(body.webhooks as object)).toEqual(['message.replied']);
    expect(Object.keys((body.components as { schemas: object }).schemas)).toEqual(
      expect.arrayContaining(['Message', 'Delivery', 'Problem', 'NewMessage', 'Template', 'Alert']),
    );
  });

  it('names every route, and every path in it is one', async () => {
    const { body } = await call('GET', '/openapi.json');
    const documented = Object.entries(body.paths as Record<string, object>).flatMap(
      ([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(documented.sort()).toEqual(
      [
        'GET /v1/queues',
        'GET /v1/queues/{queue}',
        'GET /v1/queues/{queue}/activity',
        'GET /v1/queues/{queue}/schedules/{id}',
        'GET /v1/schedules',
        'GET /v1/task-events',
        'GET /v1/tasks',
        'GET /v1/tasks/{id}',
        'GET /v1/tasks/{id}/children',
        'PATCH /v1/queues/{queue}/limits',
        'PATCH /v1/tasks/{id}',
        'POST /v1/queues/{queue}/pause',
        'POST /v1/queues/{queue}/resume',
        'POST /v1/queues/{queue}/schedules/{id}/pause',
        'POST /v1/queues/{queue}/schedules/{id}/resume',
        'POST /v1/queues/{queue}/schedules/{id}/trigger',
        'POST /v1/tasks',
        'POST /v1/tasks/cancel',
        'POST /v1/tasks/clean',
        'POST /v1/tasks/flow',
        'POST /v1/tasks/move',
        'POST /v1/tasks/promote',
        'POST /v1/tasks/purge',
        'POST /v1/tasks/redrive',
        'POST /v1/tasks/reprioritise',
        'POST /v1/tasks/{id}/cancel',
        'POST /v1/tasks/{id}/promote',
        'POST /v1/tasks/{id}/redrive',
        'PUT /v1/queues/{queue}/schedules/{id}',
        'DELETE /v1/queues/{queue}/schedules/{id}',
        'DELETE /v1/tasks/{id}',
        'GET /',
        'GET /api/health',
        'GET /health/live',
        'GET /health/ready',
        'GET /metrics',
        'POST /v1/messages',
        'GET /v1/messages/{id}',
        'GET /v1/deliveries',
        'GET /v1/deliveries/{id}',
        'GET /v1/deliveries/{id}/attempts',
        'POST /v1/deliveries/{id}/replay',
        'GET /v1/templates',
        'PUT /v1/templates/{key}/{locale}',
        'GET /v1/templates/checkpoints',
        'POST /v1/templates/rollback',
        'GET /v1/alerts',
        'GET /v1/statistics/deliveries',
      ].sort(),
    );
    for (const route of documented) {
      const [method = '', path = ''] = route.split(' ');
      const answer = await call(method, path.replace(/\{[^}]+\}/g, 'x'));
      expect(answer.body.code, route).not.toBe('ROUTE_NOT_FOUND');
      expect(answer.body.code, route).not.toBe('METHOD_NOT_ALLOWED');
    }
  });

  it('is shown by a page that loads nothing from elsewhere', async () => {
    const page = await fetch(`${server.url}/docs`);
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe');
    const html = await page.text();
    expect(html).not.toMatch(/<script>|<style|https?:\/\/|\son[a-z]+=/);
    const files = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '');
    expect(files.length).toBeGreaterThanOrEqual(4);
    for (const file of files) {
      const response = await fetch(new URL(file, server.url));
      expect([file, response.status]).toEqual([file, 200]);
      expect(response.headers.get('x-content-type-options')).toBe('nosniff');
      await response.arrayBuffer();
    }
  });

  it('describes every kind of problem', async () => {
    const html = await (await fetch(`${server.url}/docs/problems`)).text();
    for (const { code } of PROBLEM_KINDS) expect(html).toContain(`id="${code}"`);
  });
});

interface TemplateView {
  key: string;
  locale: string;
  body: string;
  version: number;
}

describe('templates', () => {
  const templates = async (): Promise<TemplateView[]> =>
    (await call('GET', '/v1/templates')).body.items as TemplateView[];
  const greeting = async (): Promise<TemplateView | undefined> =>
    (await templates()).find(({ key, locale }) => key === 'greeting' && locale === 'en');
  const versions = async () =>
    (await call('GET', '/v1/templates/checkpoints')).body.items as {
      version: number;
      author: string;
      label: string | null;
      origin: object;
    }[];

  it('are changed with a checkpoint of the whole set, used at once, and rolled back', async () => {
    const before = await templates();
    expect((await versions()).at(-1)).toMatchObject({ version: 1, label: 'defaults' });

    const put = await call('PUT', '/v1/templates/greeting/en', { body: { body: 'Ahoy!' } });
    expect(put.status).toBe(200);
    expect(put.body).toMatchObject({ template: { key: 'greeting', body: 'Ahoy!' }, checkpoint: 2 });
    expect((await versions())[0]).toMatchObject({
      version: 2,
      author: expect.stringMatching(/^key:/),
    });

    const accepted = await call('POST', '/v1/messages', {
      body: { client_id: 'template-client', text: 'Hello there', webhook_url: receiver.url },
    });
    const replies = await eventually(async () => {
      const { body } = await call('GET', `/v1/messages/${String(accepted.body.id)}`);
      return body.processed_at === null ? undefined : (body.replies as { text: string }[]);
    });
    expect(replies.map((reply) => reply.text)).toContain('Ahoy!');

    const back = await call('POST', '/v1/templates/rollback', {
      body: { version: 1, reason: 'too salty' },
    });
    expect(back.status).toBe(200);
    expect(back.body).toMatchObject({
      version: 3,
      origin: { kind: 'rollback', from: 2, to: 1, reason: 'too salty' },
    });
    const bodies = (list: TemplateView[]) =>
      list.map(({ key, locale, body }) => [key, locale, body]);
    expect(bodies(await templates())).toEqual(bodies(before));
  });

  it('are not changed by what breaks rules, and no checkpoint is made', async () => {
    const count = (await versions()).length;
    const before = await greeting();
    for (const body of [
      {},
      { body: '' },
      { body: 'x'.repeat(4_001) },
      { body: 'Hi {{ password }}' },
      { body: 'Hi', author: 'me' },
    ]) {
      const refused = await call('PUT', '/v1/templates/greeting/en', { body });
      expect([body, refused.status]).toEqual([body, 422]);
    }
    expect((await call('PUT', '/v1/templates/!!/en', { body: { body: 'Hi' } })).status).toBe(422);
    const gone = await call('POST', '/v1/templates/rollback', {
      body: { version: 99, reason: 'x' },
    });
    expect(gone.status).toBe(404);
    expect(gone.body.code).toBe('CHECKPOINT_NOT_FOUND');
    expect((await versions()).length).toBe(count);
    expect(await greeting()).toEqual(before);
  });

  it('keep one version for each of several changes at once', async () => {
    const [latest] = await versions();
    const locales = ['en', 'ru', 'uk', 'en', 'ru'];
    const puts = await Promise.all(
      locales.map((locale, i) =>
        call('PUT', `/v1/templates/greeting/${locale}`, { body: { body: `Hello ${i}` } }),
      ),
    );
    const made = puts.map((answer) => Number(answer.body.checkpoint)).sort((a, b) => a - b);
    expect(made).toEqual(locales.map((_, i) => (latest?.version ?? 0) + 1 + i));
  });

  it('refuse a cursor that is none of theirs', async () => {
    for (const path of ['/v1/templates/checkpoints', '/v1/alerts']) {
      const refused = await call('GET', `${path}?cursor=nonsense`);
      expect([path, refused.status]).toEqual([path, 422]);
      expect(refused.body.errors).toMatchObject([{ path: 'cursor' }]);
    }
  });
});

describe('an escalation', () => {
  it('reaches the operators as a signed webhook, once', async () => {
    const { body } = await call('POST', '/v1/messages', {
      body: { client_id: 'upset', text: 'I want to talk to a human operator now' },
    });
    const told = await eventually(() =>
      operators.received.find(
        ({ body: event }) =>
          (event as { data: { message_id: string } }).data.message_id === String(body.id),
      ),
    );
    expect(told.verified).toBe(true);
    expect(told.body).toMatchObject({ type: 'message.escalated', data: { client_id: 'upset' } });
    expect((await call('GET', `/v1/messages/${String(body.id)}`)).body.status).toBe('escalated');
  });
});

describe('alerts', () => {
  it('are a list', async () => {
    const { status, body } = await call('GET', '/v1/alerts?status=firing&severity=CRITICAL');
    expect(status).toBe(200);
    expect(body).toEqual({ items: [], next_cursor: null });
    expect((await call('GET', '/v1/alerts?severity=BAD')).status).toBe(422);
  });
});

describe('the log', () => {
  it('has one line for each request with its id, and no secret', async () => {
    await fetch(`${server.url}/v1/deliveries`, {
      headers: { authorization: `Bearer ${KEY}`, 'x-request-id': 'log-me' },
    });
    const line = await eventually(() => log.text.find((text) => text.includes('"log-me"')));
    expect(JSON.parse(line)).toMatchObject({
      msg: 'request completed',
      request_id: 'log-me',
      route: '/v1/deliveries',
      status: 200,
      service: 'holdfast-server',
    });
    expect(log.text.join('')).not.toContain(KEY);
    expect(log.text.join('')).not.toContain('whsec_');
  });
});
