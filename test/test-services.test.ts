import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { findNats, startNats } from '../test-services/nats.js';
import { endpointOf, isReachable } from '../test-services/ports.js';
import { findPostgres, startPostgres } from '../test-services/postgres.js';
import { findRedis, startRedis } from '../test-services/redis.js';
import { acquireServices } from '../test-services/services.js';
import type { TestServer } from '../test-services/test-server.js';

const open: { stop(): Promise<void> }[] = [];

function keep<T extends { stop(): Promise<void> }>(service: T): T {
  open.push(service);
  return service;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((service) => service.stop()));
});

/** Sends text to a server and resolves with the first thing it says. */
function ask(url: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(endpointOf(url)).once('error', reject);
    socket.setTimeout(5_000, () => socket.destroy(new Error('no answer')));
    socket.once('data', (data) => {
      resolve(String(data));
      socket.destroy();
    });
    socket.write(text);
  });
}

describe('the services of a run', () => {
  it.skipIf(!process.env.TEST_REDIS_URL)('answer where the variables say', async () => {
    expect(await ask(process.env.TEST_REDIS_URL ?? '', 'PING\r\n')).toBe('+PONG\r\n');
  });

  it('are named when they are missing, in one line that says how to get them', async () => {
    const services = await acquireServices({ HOLDFAST_TEST_SERVICES: 'none' });
    expect(services.urls).toEqual({});
    expect(services.missing).toMatch(/Redis.*PostgreSQL.*NATS.*apt-get install.*TEST_REDIS_URL/);
    expect(services.missing).not.toContain('\n');
  });

  it('must be there in CI, unless their absence is wanted', async () => {
    const none = { HOLDFAST_TEST_SERVICES: 'none', CI: 'true' };
    await expect(acquireServices(none)).rejects.toThrow('Redis');
    const wanted = await acquireServices({ ...none, HOLDFAST_ALLOW_MISSING_SERVICES: '1' });
    expect(wanted.missing).toContain('Redis');
  });

  it('are refused when a given URL does not answer', async () => {
    const given = { HOLDFAST_TEST_SERVICES: 'none', TEST_REDIS_URL: 'redis://127.0.0.1:1' };
    await expect(acquireServices(given)).rejects.toThrow('TEST_REDIS_URL');
  });

  it.skipIf(!findRedis())('are used and left running when their URL is given', async () => {
    const server = keep(await startRedis());
    const given = { HOLDFAST_TEST_SERVICES: 'none', TEST_REDIS_URL: server.url };
    const services = await acquireServices(given);
    expect(services.urls).toEqual({ TEST_REDIS_URL: server.url });
    await services.stop();
    expect(await isReachable(server.url)).toBe(true);
  });
});

interface Kind {
  name: string;
  there: boolean;
  start(): Promise<TestServer>;
}

const kinds: Kind[] = [
  { name: 'Redis', there: findRedis() !== undefined, start: () => startRedis() },
  { name: 'PostgreSQL', there: findPostgres() !== undefined, start: () => startPostgres() },
  { name: 'NATS', there: findNats() !== undefined, start: () => startNats() },
];

for (const { name, there, start } of kinds) {
  describe.skipIf(!there)(`a ${name} server of a test's own`, () => {
    it('starts, survives a kill by a restart on the same port, and stops', async () => {
      const server = keep(await start());
      expect(await isReachable(server.url)).toBe(true);
      const first = server.pid;

      await server.kill();
      expect(await isReachable(server.url)).toBe(false);
      await server.restart();
      expect(await isReachable(server.url)).toBe(true);
      expect(server.pid).not.toBe(first);

      await server.stop();
      expect(await isReachable(server.url)).toBe(false);
    });
  });
}

describe.skipIf(!findRedis())('faults of a server', () => {
  it('keeps the data of a durable Redis over a kill', async () => {
    const server = keep(await startRedis({ durable: true }));
    expect(await ask(server.url, 'SET balance 12\r\n')).toBe('+OK\r\n');
    await server.restart();
    expect(await ask(server.url, 'GET balance\r\n')).toBe('$2\r\n12\r\n');
  });

  it('stops a server that was paused', async () => {
    const server = keep(await startRedis());
    server.pause();
    await server.stop();
    expect(await isReachable(server.url)).toBe(false);
  });
});

describe('a run that is killed', () => {
  const vitest = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url));
  const config = fileURLToPath(new URL('./fixtures/killed-run/vitest.config.ts', import.meta.url));

  it.skipIf(!findRedis())(
    'leaves no server behind',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'holdfast-killed-run-'));
      const report = join(folder, 'urls.json');
      const { TEST_REDIS_URL: _r, TEST_POSTGRES_URL: _p, TEST_NATS_URL: _n, ...env } = process.env;
      const run: ChildProcess = spawn(
        process.execPath,
        [vitest, 'run', '--configLoader', 'runner', '--config', config, '--reporter', 'dot'],
        { env: { ...env, KILLED_RUN_REPORT: report, CI: '' }, stdio: 'ignore' },
      );
      try {
        await vi.waitUntil(() => existsSync(report), { timeout: 50_000, interval: 50 });
        const urls: string[] = JSON.parse(readFileSync(report, 'utf8'));
        expect(urls.length).toBeGreaterThan(1);
        expect(await Promise.all(urls.map((url) => isReachable(url)))).not.toContain(false);

        run.kill('SIGKILL');
        const gone = async () =>
          !(await Promise.all(urls.map((url) => isReachable(url)))).includes(true);
        expect(await vi.waitUntil(gone, { timeout: 20_000, interval: 50 })).toBe(true);
      } finally {
        run.kill('SIGKILL');
        rmSync(folder, { recursive: true, force: true });
      }
    },
    90_000,
  );
});
