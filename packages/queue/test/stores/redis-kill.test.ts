import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'tsup';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findRedis, startRedis } from '../../../../test-services/redis.js';
import type { TestServer } from '../../../../test-services/test-server.js';
import { createQueue, createWorker, defineTask, handle } from '../../src/index.js';
import { redisStore } from '../../src/stores/redis.js';

const TASKS = 150;
const KILLS = 6;
const task = defineTask('t');

// Below node_modules, so that the bundle finds what it leaves out.
const folder = fileURLToPath(
  new URL(`../../../../node_modules/.cache/queue-redis-kill-${process.pid}`, import.meta.url),
);

describe.skipIf(findRedis() === undefined)('a worker process on Redis killed with SIGKILL', () => {
  let server: TestServer;
  const children = new Set<ChildProcess>();

  beforeAll(async () => {
    server = await startRedis();
    await mkdir(folder, { recursive: true });
    // A bundled source file reads its version from here.
    await writeFile(join(folder, 'package.json'), '{ "version": "0.0.0" }');
    await build({
      entry: [fileURLToPath(new URL('../fixtures/killed-redis-worker.ts', import.meta.url))],
      format: 'esm',
      outDir: join(folder, 'dist'),
      external: ['ioredis', /^@opentelemetry\//, 'zod'],
      outExtension: () => ({ js: '.mjs' }),
      config: false,
      silent: true,
    });
  });

  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** Starts a worker process and waits until it has begun at least `count` tasks. */
  async function startWorker(count: number): Promise<ChildProcess> {
    const program = join(folder, 'dist', 'killed-redis-worker.mjs');
    const child = spawn(process.execPath, [program, server.url], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.add(child);
    child.once('exit', () => children.delete(child));
    let begun = 0;
    await new Promise<void>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`the worker ended early: ${code}`)));
      child.stdout?.on('data', (chunk: Buffer) => {
        begun += chunk.length;
        if (begun >= count) resolve();
      });
    });
    return child;
  }

  it('loses nothing: its tasks run again after their leases, and each completes once', async () => {
    const store = redisStore({ url: server.url });
    const queue = createQueue('q', { store, retry: { attempts: KILLS + 2 } });
    await queue.enqueueMany(Array.from({ length: TASKS }, (_, payload) => ({ task, payload })));
    for (let kill = 0; kill < KILLS; kill++) {
      const child = await startWorker(1 + Math.floor(Math.random() * 12));
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    }
    expect((await store.stats(['q']))[0]?.counts.leased).toBeGreaterThan(0);
    const completed: string[] = [];
    queue.on('task.completed', (event) => completed.push(event.subject));
    const settings = { lease: '1s', sweepInterval: 100, pollInterval: 100 } as const;
    const worker = createWorker(queue, [handle(task, async () => undefined)], settings);
    await worker.start();
    const counts = async (): Promise<unknown> => (await store.stats(['q']))[0]?.counts;
    await expect
      .poll(counts, { timeout: 20_000 })
      .toMatchObject({ completed: TASKS, ready: 0, scheduled: 0, leased: 0, dead: 0 });
    await worker.close();
    expect(new Set(completed).size).toBe(completed.length);
    const tasks = await store.find({ queue: 'q' }, { order: 'oldest', limit: 500 });
    const killed = tasks.filter(({ history }) => history.some(({ kind }) => kind === 'lapsed'));
    expect(killed.length).toBeGreaterThan(0);
    for (const record of killed) expect(record.epoch).toBe(record.history.length + 1);
    await store.close();
  }, 60_000);
});
