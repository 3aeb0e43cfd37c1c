import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/index.js';
import { type BuiltPackage, buildPackage } from '../support/built-package.js';

const KILLS = 20;
const WRITER = new URL('../support/writer.mjs', import.meta.url);
const HOLDER = new URL('../support/holder.mjs', import.meta.url);

interface Child {
  readonly process: ChildProcess;
  output(): string;
  /** Resolves with the whole output once it ends. */
  readonly ended: Promise<string>;
}

describe('an embedded database and other processes', () => {
  let built: BuiltPackage;
  const children: Child[] = [];
  const root = mkdtempSync(join(tmpdir(), 'holdfast-sql-'));

  beforeAll(async () => {
    built = await buildPackage();
  });
  afterEach(async () => {
    for (const child of children.splice(0)) {
      child.process.kill('SIGKILL');
      await child.ended;
    }
  });
  afterAll(() => {
    built.remove();
    rmSync(root, { recursive: true, force: true });
  });

  const start = (script: URL, dataDir: string): Child => {
    const child = spawn(process.execPath, [fileURLToPath(script), built.url, dataDir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    const ended = new Promise<string>((resolve) => child.on('close', () => resolve(output)));
    const started: Child = { process: child, output: () => output, ended };
    children.push(started);
    return started;
  };

  const until = async (child: Child, pattern: RegExp) => {
    await expect.poll(() => child.output(), { timeout: 20_000, interval: 5 }).toMatch(pattern);
  };

  it(`loses no acknowledged transaction and keeps each whole over ${KILLS} kills`, async () => {
    const dataDir = join(root, 'killed');
    let acknowledged = 0;
    for (let kill = 0; kill < KILLS; kill += 1) {
      const writer = start(WRITER, dataDir);
      await until(writer, /\n\d+\n/);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 150));
      writer.process.kill('SIGKILL');
      const lines = (await writer.ended).trim().split('\n');
      acknowledged = Number(lines.at(-1));
      // Every round goes on where the one before ended: the writer itself opens what the kill has left.
    }
    const db = await openDatabase({ dataDir });
    const { rows } = await db.query<Record<string, number>>(`
      SELECT count(*) AS events, coalesce(max(n), 0) AS last,
        count(*) FILTER (WHERE hash <> md5(n::text || body)) AS damaged,
        (SELECT count(*) FROM twin) AS twins, (SELECT v FROM total) AS total FROM event`);
    const { events = 0, last, damaged, twins, total } = rows[0] ?? {};
    await db.close();
    // The one transaction in flight at the last kill may be there or not.
    expect([acknowledged, acknowledged + 1]).toContain(events);
    expect({ last, damaged, twins, total }).toEqual({
      last: events,
      damaged: 0,
      twins: events,
      total: events,
    });
  }, 120_000);

  it('refuses a second process at once, names the first, and harms nothing', async () => {
    const dataDir = join(root, 'shared');
    const first = start(HOLDER, dataDir);
    await until(first, /open\n/);
    const second = start(HOLDER, dataDir);
    expect(await second.ended).toMatch(/^SQL_DIRECTORY_LOCKED/);
    const here = openDatabase({ dataDir });
    await expect(here).rejects.toMatchObject({
      code: 'SQL_DIRECTORY_LOCKED',
      message: expect.stringContaining(`process ${first.process.pid}`),
      details: { pid: first.process.pid },
    });
    expect(first.process.exitCode).toBe(null);
  });

  it('names the process also when that one is stopped or busy', async () => {
    const dataDir = join(root, 'stopped');
    const first = start(HOLDER, dataDir);
    await until(first, /open\n/);
    first.process.kill('SIGSTOP');
    await expect(openDatabase({ dataDir })).rejects.toMatchObject({ code: 'SQL_DIRECTORY_LOCKED' });
    first.process.kill('SIGCONT');
  });

  it('frees the directory at once when its process is killed', async () => {
    const dataDir = join(root, 'freed');
    const first = start(HOLDER, dataDir);
    await until(first, /open\n/);
    first.process.kill('SIGKILL');
    await first.ended;
    const db = await openDatabase({ dataDir });
    const { rows } = await db.query<{ count: number }>('SELECT count(*) AS count FROM held');
    expect(rows[0]?.count).toBeGreaterThan(0);
    await db.close();
  });

  it('opens a directory whose first process was killed while it made it', async () => {
    for (const delay of [0, 80, 160, 240]) {
      const dataDir = join(root, `young-${delay}`);
      const first = start(HOLDER, dataDir);
      await expect.poll(() => existsSync(dataDir), { timeout: 20_000, interval: 1 }).toBe(true);
      await new Promise((resolve) => setTimeout(resolve, delay));
      first.process.kill('SIGKILL');
      await first.ended;
      const db = await openDatabase({ dataDir });
      expect((await db.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
      await db.close();
    }
    expect(readdirSync(root).filter((name) => name.endsWith('.init'))).toEqual([]);
  });
});
