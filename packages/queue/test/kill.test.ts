import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SqlDatabase } from '@holdfast/sql';
import { testDatabases } from '@holdfast/sql/testing';
import { build } from 'tsup';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createQueue, createWorker, defineTask, handle } from '../src/index.js';
import { postgresStore } from '../src/stores/postgres.js';

const TASKS = 150;
const KILLS = 6;
const postgres = testDatabases().find((database) => database.name === 'postgres');

// Below node_modules, so that the bundle finds what it leaves out.
const folder = fileURLToPath(
  new URL(`../../../node_modules/.cache/queue-kill-${process.pid}`, import.meta.url),
);
const task = defineTask('t');

describe.skipIf(!postgres?.available)('a worker process killed with SIGKILL', () => {
  let db: SqlDatabase;
  let url: string;
  const children = new Set<ChildProcess>();

  beforeAll(async () => {
    await mkdir(folder, { recursive: true });
    // A bundled source file reads its version from here.
    await writeFile(join(folder, 'package.json'), '{ "version": "0.0.0" }');
    await build({
      entry: [fileURLToPath(new URL('./fixtures/killed-worker.ts', import.meta.url))],
      format: 'esm',
      outDir: join(folder, 'dist'),
      noExternal: [/^@holdfast\//],
      external: ['pg', /^@electric-sql\//, /^@opentelemetry\//, 'zod'],
      outExtension: () => ({ js: '.mjs' }),
      esbuildOptions: (options) => {
        options.conditions = ['@holdfast/source'];
      },
      config: false,
      silent: true,
    });
    if (postgres === undefined) return;
    db = await postgres.open();
    const { rows } = await db.query<{ name: string }>('select current_database() as name');
    const server = new URL(process.env.TEST_POSTGRES_URL ?? '');
    server.pathname = `/${rows[0]?.name}`;
    url = server.href;
  });

  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    await db?.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** Starts a worker process and waits until it has begun at least `count` tasks. */
  async function startWorker(count: number): Promise<ChildProcess> {
    const child = spawn(process.execPath, [join(folder, 'dist', 'killed-worker.mjs'), url], {
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
    const store = postgresStore(db);
    await store.migrate();
    await db.exec('create table effect (n integer not null, pid integer not null)');
    const queue = createQueue('q', { store, retry: { attempts: KILLS + 2 } });
    await queue.enqueueMany(Array.from({ length: TASKS }, (_, payload) => ({ task, payload })));
    for (let kill = 0; kill < KILLS; kill++) {
      const child = await startWorker(1 + Math.floor(Math.random() * 12));
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    }
    const [before] = await store.stats(['q']);
    expect(before?.counts.leased).toBeGreaterThan(0);
    const completed: string[] = [];
    queue.on('task.completed', (event) => completed.push(event.subject));
    const worker = createWorker(
      queue,
      [
        handle(
          task,
          async (n) => void (await db.query('insert into effect values ($1, 0)', [Number(n)])),
        ),
      ],
      { lease: '1s', sweepInterval: 100, pollInterval: 100 },
    );
    await worker.start();
    await expect
      .poll(async () => (await store.stats(['q']))[0]?.counts, { timeout: 20_000 })
      .toMatchObject({
        completed: TASKS,
        ready: 0,
        scheduled: 0,
        leased: 0,
        dead: 0,
      });
    await worker.close();
    expect(new Set(completed).size).toBe(completed.length);
    const tasks = await store.find({ queue: 'q' }, { order: 'oldest', limit: 500 });
    const killed = tasks.filter((record) =>
      record.history.some((entry) => entry.kind === 'lapsed'),
    );
    expect(killed.length).toBeGreaterThan(0);
    for (const record of killed) expect(record.epoch).toBe(record.history.length + 1);
    const { rows } = await db.query<{ count: number }>(
      'select count(distinct n) as count from effect',
    );
    expect(rows[0]?.count).toBe(TASKS);
    await store.close();
  }, 60_000);
});
