import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '@holdfast/sql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildServer, ChildServer, freePort, MAIN } from './child-server.js';
import { eventually, Receiver, SECRET } from './helpers.js';
import { httpClient } from './http-client.js';

let directory: string;

beforeAll(async () => {
  await buildServer();
  directory = await mkdtemp(join(tmpdir(), 'holdfast-process-'));
}, 240_000);

afterAll(() => rm(directory, { recursive: true, force: true }));

/** Runs the server until it ends by itself. */
const run = (env: Record<string, string>): Promise<{ code: number; stderr: string }> =>
  new Promise((resolve) => {
    const options = { env: { PATH: process.env.PATH, ...env }, timeout: 60_000 };
    execFile(process.execPath, [MAIN], options, (error, _stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stderr });
    });
  });

describe('a process', () => {
  it('ends with 2 and names every variable when its environment is wrong', async () => {
    const { code, stderr } = await run({ PORT: 'x', ROLE: 'boss', API_KEYS: 'hunter2' });
    expect(code).toBe(2);
    expect(stderr).toContain('3 problems');
    for (const name of ['PORT', 'ROLE', 'API_KEYS']) expect(stderr).toContain(`  ${name} must`);
    expect(stderr).not.toMatch(/hunter2|\bat .*\.js:/);
  });

  it('does not share its data directory, and says so', async () => {
    const env = { PORT: '0', DATA_DIR: directory };
    const first = await ChildServer.start(env);
    const { code, stderr } = await run(env);
    expect(code).toBe(1);
    expect(stderr).toContain('SQL_DIRECTORY_LOCKED');
    expect((await fetch(`${first.url}/health/ready`)).status).toBe(200);
    expect(await first.stop()).toBe(0);
  });

  it.skipIf(process.platform === 'win32')('ends when npm start is killed', async () => {
    const port = await freePort();
    // What npm does: a shell runs the script, and the server is the shell's child.
    const shell = spawn('/bin/sh', ['-c', `"${process.execPath}" "${MAIN}"; true`], {
      env: {
        PATH: process.env.PATH,
        PORT: String(port),
        DATA_DIR: directory,
        npm_lifecycle_event: 'start',
      },
      stdio: 'ignore',
    });
    const alive = async (): Promise<true | undefined> =>
      (await fetch(`http://127.0.0.1:${port}/health/live`).catch(() => undefined))?.ok || undefined;
    await eventually(alive, 60_000);
    shell.kill('SIGKILL');
    await eventually(async () => ((await alive()) === undefined ? true : undefined), 60_000);
  });
});

const postgresUrl = process.env.TEST_POSTGRES_URL;
const redisUrl = process.env.TEST_REDIS_URL;

describe.skipIf(postgresUrl === undefined || redisUrl === undefined)(
  'an api and two workers on PostgreSQL and Redis',
  () => {
    const name = `holdfast_server_${process.pid}`;
    const shared = (): Record<string, string> => {
      const url = new URL(postgresUrl ?? '');
      url.pathname = `/${name}`;
      return {
        PORT: '0',
        DATABASE_URL: url.href,
        DATABASE_POOL_SIZE: '5',
        REDIS_URL: redisUrl ?? '',
        WEBHOOK_SECRET: SECRET,
        WEBHOOK_ALLOW_NETWORKS: '127.0.0.0/8',
      };
    };
    const servers: ChildServer[] = [];
    let receiver: Receiver;

    beforeAll(async () => {
      await using admin = await openDatabase({ url: postgresUrl ?? '' });
      await admin.query(`CREATE DATABASE ${name}`);
      receiver = await Receiver.start();
      // All at once: their migrations race.
      const roles = ['api', 'worker', 'worker'];
      servers.push(
        ...(await Promise.all(roles.map((ROLE) => ChildServer.start({ ...shared(), ROLE })))),
      );
    }, 120_000);

    afterAll(async () => {
      await Promise.all(servers.map((server) => server.kill()));
      await receiver?.close();
      await using admin = await openDatabase({ url: postgresUrl ?? '' });
      await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    });

    it('fire each run of a schedule once, and compute in threads of the built server', async () => {
      const call = httpClient(() => servers[0]?.url ?? '');
      const schedules = '/v1/queues/operations/schedules';
      const often = { task: 'queue.probe', payload: {}, every_ms: 1_000 };
      expect((await call('PUT', `${schedules}/often`, often)).status).toBe(200);
      const found = await eventually(async () => {
        const { items } = (await call('GET', '/v1/tasks?name=queue.probe&limit=100')).body;
        return items.length >= 4 ? items : undefined;
      }, 60_000);
      await call('DELETE', `${schedules}/often`);
      const runs = found.map(
        ({ headers }: { headers: Record<string, string> }) => headers['schedule-at'],
      );
      expect(new Set(runs).size).toBe(runs.length);
      const { items } = (await call('GET', '/v1/schedules')).body;
      expect(items.map(({ id }: { id: string }) => id)).toEqual([
        'maintenance.prune',
        'report.trends',
      ]);
      const { id } = (await call('POST', '/v1/tasks', { name: 'report.trends', payload: {} })).body;
      const result = await eventually(
        async () => (await call('GET', `/v1/tasks/${id}`)).body.result ?? undefined,
        60_000,
      );
      expect(result).toEqual({ messages: 0, before: 0, rising: [] });
    }, 120_000);

    it('answer and deliver each message once', async () => {
      const [api] = servers;
      const bodies = Array.from({ length: 60 }, (_, i) => ({
        client_id: `client-${i % 10}`,
        text: 'Why was I charged twice?',
        webhook_url: receiver.url,
      }));
      const answers = await Promise.all(
        bodies.map((body) =>
          fetch(`${api?.url}/v1/messages`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify(body),
          }),
        ),
      );
      expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([202]));
      await eventually(() => (receiver.received.length >= 60 ? true : undefined), 60_000);
      expect(receiver.received.every((webhook) => webhook.verified)).toBe(true);
      expect(new Set(receiver.received.map((webhook) => webhook.id)).size).toBe(60);
      const greetings = receiver.received.filter(({ body }) =>
        (body as { data: { replies: { purpose: string }[] } }).data.replies.some(
          (reply) => reply.purpose === 'greeting',
        ),
      );
      expect(greetings).toHaveLength(10);
      for (const server of servers) expect(await server.stop()).toBe(0);
    }, 120_000);
  },
);
