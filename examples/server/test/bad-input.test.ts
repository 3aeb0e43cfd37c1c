import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunningServer } from '../src/server.js';
import { Receiver, startTestServer } from './helpers.js';

let server: RunningServer;
let receiver: Receiver;

beforeAll(async () => {
  receiver = await Receiver.start();
  server = await startTestServer();
  // Nothing else writes from then on, whatever hour it is.
  for (const id of ['maintenance.prune', 'report.trends']) {
    const pause = `${server.url}/v1/queues/operations/schedules/${id}/pause`;
    expect((await fetch(pause, { method: 'POST' })).status).toBe(200);
  }
});

afterAll(async () => {
  await server?.shutdown('the tests are over');
  await receiver?.close();
});

interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  instance: string;
  code: string;
  request_id: string;
  errors?: { path: string; rule: string; received: string }[];
}

const JSON_HEADERS = { 'content-type': 'application/json' };
const GOOD = { client_id: 'ann', text: 'Hello' };

/** Rows of every table of the suite, by table: so that what is stored anywhere is noticed. */
async function storedRows(): Promise<Record<string, number>> {
  const { rows } = await server.db.query<{ name: string }>(
    "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'holdfast' AND table_type = 'BASE TABLE' ORDER BY 1",
  );
  const counts: Record<string, number> = {};
  for (const { name } of rows) {
    const result = await server.db.query<{ n: number }>(
      `SELECT count(*) AS n FROM holdfast.${name}`,
    );
    counts[name] = result.rows[0]?.n ?? -1;
  }
  return counts;
}

async function send(
  body: string | Uint8Array<ArrayBuffer> | undefined,
  headers: Record<string, string> = JSON_HEADERS,
): Promise<{ response: Response; problem: Problem }> {
  const response = await fetch(`${server.url}/v1/messages`, {
    method: 'POST',
    headers,
    ...(body === undefined ? {} : { body }),
  });
  return { response, problem: (await response.json()) as Problem };
}

const sendJson = (body: unknown, headers: Record<string, string> = {}) =>
  send(JSON.stringify(body), { ...JSON_HEADERS, ...headers });

/** Expects a complete problem document, and that nothing was stored anywhere. */
async function expectRefused(
  act: () => Promise<{ response: Response; problem: Problem }>,
  expected: { status: number; code: string; paths?: string[] },
): Promise<Problem> {
  const before = await storedRows();
  expect(Object.keys(before)).toContain('messaging_messages');
  const { response, problem } = await act();
  expect(response.status).toBe(expected.status);
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  expect(problem).toMatchObject({
    type: `/docs/problems#${expected.code}`,
    status: expected.status,
    code: expected.code,
    instance: '/v1/messages',
    request_id: response.headers.get('x-request-id'),
  });
  expect(problem.title).not.toBe('');
  expect(JSON.stringify(problem)).not.toMatch(/node_modules|\.ts:|\.js:| {4}at /);
  if (expected.paths !== undefined) {
    expect(problem.errors?.map((error) => error.path).sort()).toEqual(expected.paths.sort());
    for (const error of problem.errors ?? []) expect(error.rule).not.toBe('');
  }
  expect(await storedRows()).toEqual(before);
  return problem;
}

const invalid = (paths: string[], code = 'REQUEST_INVALID') => ({ status: 422, code, paths });

describe('a body that cannot be read', () => {
  it('is refused when it is not JSON', async () => {
    const refused = { status: 400, code: 'REQUEST_JSON_INVALID' };
    await expectRefused(() => send('{"client_id": "ann", '), refused);
    await expectRefused(() => send('   '), refused);
    await expectRefused(() => send(undefined), refused);
  });

  it('is refused when it is not UTF-8', async () => {
    const bytes = Buffer.concat([
      Buffer.from('{"client_id":"ann","text":"'),
      Buffer.from([0xc3, 0x28, 0xff]),
      Buffer.from('"}'),
    ]);
    await expectRefused(() => send(new Uint8Array(bytes)), {
      status: 400,
      code: 'REQUEST_ENCODING_INVALID',
    });
  });

  it.each([
    [{ 'content-type': 'text/plain' }],
    [{ 'content-type': 'application/x-www-form-urlencoded' }],
    [{ 'content-type': 'application/json; charset=latin1' }],
    [{ 'content-type': 'application/json', 'content-encoding': 'gzip' }],
  ])('is refused with the headers %j', async (headers: Record<string, string>) => {
    await expectRefused(() => send(JSON.stringify(GOOD), headers), {
      status: 415,
      code: 'MEDIA_TYPE_UNSUPPORTED',
    });
  });

  it('is refused when it has 2 MB and says so', async () => {
    await expectRefused(() => sendJson({ ...GOOD, text: 'x'.repeat(2_000_000) }), {
      status: 413,
      code: 'REQUEST_TOO_LARGE',
    });
  });

  it('is refused as soon as it grows too large, without waiting for its end', async () => {
    const before = await storedRows();
    const status = await new Promise<number>((resolve, reject) => {
      const outgoing = request(`${server.url}/v1/messages`, {
        method: 'POST',
        headers: { ...JSON_HEADERS, 'transfer-encoding': 'chunked' },
      });
      outgoing.on('response', (response) => {
        response.resume();
        outgoing.destroy();
        resolve(response.statusCode ?? 0);
      });
      outgoing.on('error', reject);
      // 80 KB of what would be 2 MB; the request is never ended.
      outgoing.write(`{"client_id":"ann","text":"${'x'.repeat(80_000)}`);
    });
    expect(status).toBe(413);
    expect(await storedRows()).toEqual(before);
  });
});

describe('a message that breaks rules', () => {
  it('is refused with every missing field named', async () => {
    await expectRefused(() => sendJson({}), invalid(['client_id', 'text']));
    await expectRefused(() => sendJson([]), invalid(['(body)']));
    await expectRefused(() => sendJson(null), invalid(['(body)']));
  });

  it('is refused with unknown fields named', async () => {
    const problem = await expectRefused(
      () => sendJson({ ...GOOD, texts: 'x', weird: [1] }),
      invalid(['texts', 'weird']),
    );
    expect(problem.errors).toContainEqual({
      path: 'weird',
      rule: 'must not be there: the field is not known',
      received: 'array of 1',
    });
  });

  it.each<[string, Record<string, unknown>, string[]]>([
    ['wrong types', { client_id: 7, text: null }, ['client_id', 'text']],
    ['an empty text', { text: '' }, ['text']],
    ['a text of 8001 characters', { text: 'x'.repeat(8_001) }, ['text']],
    ['a long client_id', { client_id: 'x'.repeat(256) }, ['client_id']],
    ['a long platform', { platform: 'x'.repeat(51) }, ['platform']],
    ['metadata that is a list', { metadata: [] }, ['metadata']],
  ])('is refused with %s', async (_name, fields, paths) => {
    await expectRefused(() => sendJson({ ...GOOD, ...fields }), invalid(paths));
  });

  it.each([
    ['only white space', { text: '  \n' }, 'text'],
    ['a NUL', { text: 'a\u0000b' }, 'text'],
    ['half a surrogate pair', { text: '\ud83d' }, 'text'],
    ['a malformed locale', { locale: '!!' }, 'locale'],
    ['a URL that is none', { webhook_url: 'nowhere' }, 'webhook_url'],
    ['a scheme that is not HTTP', { webhook_url: 'ftp://example.com/x' }, 'webhook_url'],
    ['a file', { webhook_url: 'file:///etc/passwd' }, 'webhook_url'],
    ['user info', { webhook_url: 'https://user:pass@example.com/' }, 'webhook_url'],
    ['a private address', { webhook_url: 'http://10.0.0.1/hook' }, 'webhook_url'],
    ['a link-local address', { webhook_url: 'http://169.254.169.254/latest' }, 'webhook_url'],
    ['a private IPv6 address', { webhook_url: 'http://[fd00::1]/' }, 'webhook_url'],
    ['a private address in disguise', { webhook_url: 'http://0xa000001/' }, 'webhook_url'],
  ])('is refused with %s', async (_name, fields, path) => {
    await expectRefused(
      () => sendJson({ ...GOOD, ...fields }),
      invalid([path], 'MESSAGING_INPUT_INVALID'),
    );
  });

  it('is refused with the header named that broke a rule', async () => {
    await expectRefused(
      () => sendJson(GOOD, { 'x-webhook-url': 'http://192.168.0.1/' }),
      invalid(['X-Webhook-URL'], 'MESSAGING_INPUT_INVALID'),
    );
    await expectRefused(
      () => sendJson(GOOD, { 'idempotency-key': 'k'.repeat(256) }),
      invalid(['Idempotency-Key']),
    );
    await expectRefused(
      () => sendJson(GOOD, { 'idempotency-key': 'caf\u00e9' }),
      invalid(['Idempotency-Key'], 'MESSAGING_INPUT_INVALID'),
    );
  });
});

describe('an idempotency key', () => {
  it('is refused with another body, and the first message stays as it was', async () => {
    const key = { 'idempotency-key': 'key-1' };
    const body = { client_id: 'key-client', text: 'First', webhook_url: receiver.url };
    const first = await fetch(`${server.url}/v1/messages`, {
      method: 'POST',
      headers: { ...JSON_HEADERS, ...key },
      body: JSON.stringify(body),
    });
    expect(first.status).toBe(202);
    // Let the first message come to its end, so that only the refused one could change a table.
    while (receiver.received.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    await new Promise((resolve) => setTimeout(resolve, 100));
    await expectRefused(() => sendJson({ ...body, text: 'Second' }, key), {
      status: 422,
      code: 'MESSAGING_IDEMPOTENCY_KEY_INVALID',
    });
  });
});

describe('what is asked in a wrong way', () => {
  const ask = async (method: string, path: string) => {
    const response = await fetch(server.url + path, { method });
    return { response, problem: (await response.json()) as Problem };
  };

  it('is a 404 problem where there is nothing', async () => {
    for (const path of ['/nothing', '/v1/nothing', '/docs/assets/package.json', '/v1/messages/']) {
      const { response, problem } = await ask('GET', path);
      expect(response.status).toBe(404);
      expect(problem).toMatchObject({ code: 'ROUTE_NOT_FOUND', instance: path });
    }
  });

  it('is a 405 problem that names the methods there are', async () => {
    const { response, problem } = await ask('DELETE', '/v1/messages');
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('POST');
    expect(problem.code).toBe('METHOD_NOT_ALLOWED');
    expect((await ask('POST', '/v1/deliveries/x')).response.headers.get('allow')).toBe('GET, HEAD');
  });

  it('is a 422 problem that names the parameter of a list', async () => {
    for (const [query, path] of [
      ['limit=0', 'limit'],
      ['limit=501', 'limit'],
      ['limit=ten', 'limit'],
      ['status=lost', 'status'],
      ['staus=dead', 'staus'],
      ['cursor=%00', 'cursor'],
    ]) {
      const { response, problem } = await ask('GET', `/v1/deliveries?${query}`);
      expect([query, response.status]).toEqual([query, 422]);
      expect(problem.errors?.map((error) => error.path)).toEqual([path]);
    }
  });

  it('replaces a request id that could do harm', async () => {
    const response = await fetch(server.url, { headers: { 'x-request-id': '<script>' } });
    expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });
});
