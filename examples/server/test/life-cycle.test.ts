import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '@holdfast/sql';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { RunningServer, StartOptions } from '../src/server.js';
import { eventually, Receiver, startTestServer } from './helpers.js';

let directory: string;
let receiver: Receiver;
let server: RunningServer | undefined;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-server-'));
  receiver = await Receiver.start();
});

afterEach(async () => {
  await server?.shutdown('the test is over');
  server = undefined;
});

afterAll(async () => {
  await receiver?.close();
  await rm(directory, { recursive: true, force: true });
});

/** The servers of this file live one after the other on one database, as after a restart. */
const onDisk: StartOptions = {
  openDatabase: () => openDatabase({ dataDir: join(directory, 'database') }),
};
/** With roles apart the configuration asks for a database server; here the processes take turns instead. */
const apart = { DATABASE_URL: 'postgres://localhost/unused' };

const json = async <T>(path: string): Promise<T> =>
  (await fetch(`${server?.url}${path}`)).json() as Promise<T>;

async function accept(clientId: string): Promise<string> {
  const response = await fetch(`${server?.url}/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ client_id: clientId, text: 'Hello', webhook_url: receiver.url }),
  });
  expect(response.status).toBe(202);
  return ((await response.json()) as { id: string }).id;
}

describe('roles', () => {
  it('divide the work: api accepts, worker answers and delivers', async () => {
    server = await startTestServer({ ...apart, ROLE: 'api' }, onDisk);
    const id = await accept('role-client');
    expect(await json(`/v1/messages/${id}`)).toMatchObject({ status: 'accepted', delivery: null });
    expect((await fetch(`${server.url}/health/ready`)).status).toBe(200);
    await server.shutdown('next');

    server = await startTestServer({ ...apart, ROLE: 'worker' }, onDisk);
    expect((await fetch(`${server.url}/health/ready`)).status).toBe(200);
    expect(await (await fetch(`${server.url}/metrics`)).text()).toContain('holdfast_messaging_');
    for (const path of ['/v1/messages', `/v1/messages/${id}`, '/docs', '/openapi.json']) {
      expect([path, (await fetch(server.url + path)).status]).toEqual([path, 404]);
    }
    await eventually(() =>
      receiver.received.find(
        ({ body }) => (body as { data: { message_id: string } }).data.message_id === id,
      ),
    );
    await server.shutdown('next');

    server = await startTestServer({ ...apart, ROLE: 'api' }, onDisk);
    expect(await json(`/v1/messages/${id}`)).toMatchObject({ delivery: { status: 'delivered' } });
  });
});

describe('a shutdown', () => {
  it('fails readiness first, answers what has begun, and leaves nothing half done', async () => {
    server = await startTestServer({ SHUTDOWN_DRAIN_DELAY: '300ms' }, onDisk);
    const { url } = server;
    const text = JSON.stringify({ client_id: 'late', text: 'Hi', webhook_url: receiver.url });
    const slow = request(`${url}/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
    });
    const answered = new Promise<number>((resolve, reject) => {
      slow.on('response', (response) => resolve(response.resume().statusCode ?? 0));
      slow.on('error', reject);
    });
    slow.write(text.slice(0, 20));
    // The server has begun to read the request once it answers one that was sent after it.
    await fetch(`${url}/`);

    const stopping = server.shutdown('test');
    const ready = await fetch(`${url}/health/ready`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({ ready: false });
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
    slow.end(text.slice(20));
    expect(await answered).toBe(202);

    const report = await stopping;
    expect(report.drained).toBe(true);
    expect(report.parts.map((part) => part.name)).toEqual(
      expect.arrayContaining(['http', 'messaging', 'worker', 'queue', 'database', 'telemetry']),
    );
    const order = report.parts.map((part) => part.name);
    expect(order.indexOf('http')).toBeLessThan(order.indexOf('messaging'));
    expect(order.indexOf('messaging')).toBeLessThan(order.indexOf('database'));
    await expect(fetch(`${url}/`)).rejects.toThrow();

    server = await startTestServer({}, onDisk);
    const last = await eventually(() =>
      receiver.received.find(
        ({ body }) => (body as { data: { client_id: string } }).data.client_id === 'late',
      ),
    );
    expect(last.verified).toBe(true);
  });
});

describe('the webhook secret', () => {
  it('is made once, readable by its owner alone, and used from then on', async () => {
    const dataDir = join(directory, 'fresh');
    const env = { WEBHOOK_SECRET: '', DATA_DIR: dataDir };
    server = await startTestServer(env, onDisk);
    const path = join(dataDir, 'webhook-secret');
    expect(server.webhookSecretSource).toBe(`the file ${path}`);
    const secret = (await readFile(path, 'utf8')).trim();
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    if (process.platform !== 'win32') expect((await stat(path)).mode & 0o777).toBe(0o600);
    await server.shutdown('next');

    const own = await Receiver.start(secret);
    server = await startTestServer(env, onDisk);
    await fetch(`${server.url}/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ client_id: 'secret', text: 'Hi', webhook_url: own.url }),
    });
    expect((await eventually(() => own.received[0])).verified).toBe(true);
    await own.close();
  });
});

describe('a start that fails', () => {
  it('closes what was opened, so that the next one succeeds', async () => {
    const occupant = createServer();
    await new Promise<void>((resolve) => occupant.listen(0, '127.0.0.1', resolve));
    const { port } = occupant.address() as AddressInfo;
    await expect(startTestServer({ PORT: String(port) }, onDisk)).rejects.toThrow(/EADDRINUSE/);
    await new Promise((resolve) => occupant.close(resolve));
    server = await startTestServer({ PORT: String(port) }, onDisk);
    expect((await fetch(`${server.url}/health/ready`)).status).toBe(200);
  });
});
