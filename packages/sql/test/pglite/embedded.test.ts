import { fsyncSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { afterAll, describe, expect, it } from 'vitest';
import { DatabaseHandle } from '../../src/handle.js';
import { fromPglite, openDatabase, type SqlDatabase } from '../../src/index.js';
import { silentLogger } from '../../src/logger.js';
import { openDirectory } from '../../src/pglite/embedded.js';
import { initialise } from '../../src/pglite/first-init.js';

const root = mkdtempSync(join(tmpdir(), 'holdfast-sql-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A directory whose calls of fsync are counted, or made to fail. */
async function openWatched(name: string) {
  const watch = { fsyncs: 0, failing: false };
  const fsync = (descriptor: number): void => {
    watch.fsyncs += 1;
    if (watch.failing) throw Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO' });
    fsyncSync(descriptor);
  };
  const dataDir = join(root, name);
  const db: SqlDatabase = await DatabaseHandle.open(
    (hooks) => openDirectory({ dataDir, logger: silentLogger, fsync }, hooks),
    silentLogger,
  );
  await db.exec('CREATE TABLE written (id int)');
  return { db, dataDir, watch };
}

describe('durability of an embedded database', () => {
  it('flushes the log to the disk once a commit, and not for reads', async () => {
    const { db, watch } = await openWatched('counted');
    watch.fsyncs = 0;
    for (const id of [1, 2, 3]) await db.query('INSERT INTO written VALUES ($1)', [id]);
    expect(watch.fsyncs).toBe(3);
    await db.transaction(async (tx) => {
      await tx.query('INSERT INTO written VALUES (4)');
      await tx.query('INSERT INTO written VALUES (5)');
      expect(watch.fsyncs).toBe(3);
    });
    expect(watch.fsyncs).toBe(4);
    await db.query('SELECT * FROM written');
    expect(watch.fsyncs).toBe(4);
    await db.close();
    expect(watch.fsyncs).toBeGreaterThan(4);
  });

  it('flushes a commit that did not wait for the disk soon after', async () => {
    const { db, watch } = await openWatched('lazy');
    watch.fsyncs = 0;
    await db.transaction((tx) => tx.query('INSERT INTO written VALUES (1)'), {
      synchronousCommit: 'off',
    });
    expect(watch.fsyncs).toBe(0);
    await expect.poll(() => watch.fsyncs).toBe(1);
    await db.close();
  });

  it('acknowledges nothing that the disk refused, and opens again with what it had accepted', async () => {
    const { db, dataDir, watch } = await openWatched('refused');
    await db.query('INSERT INTO written VALUES (1)');
    watch.failing = true;
    const refused = db.query('INSERT INTO written VALUES (2)');
    await expect(refused).rejects.toMatchObject({ code: 'SQL_UNAVAILABLE' });
    const after = db.query('SELECT 1');
    await expect(after).rejects.toMatchObject({
      code: 'SQL_UNAVAILABLE',
      details: { crashed: true },
    });
    expect(await db.health()).toMatchObject({ status: 'unhealthy' });
    await db.close();
    const again = await openDatabase({ dataDir });
    const { rows } = await again.query<{ id: number }>('SELECT id FROM written ORDER BY id');
    expect(rows[0]).toEqual({ id: 1 });
    await again.close();
  });

  it('keeps everything over a normal close', async () => {
    const dataDir = join(root, 'reopened', 'deeper', 'data');
    for (const round of [1, 2]) {
      const db = await openDatabase({ dataDir });
      await db.exec('CREATE TABLE IF NOT EXISTS kept (id int); INSERT INTO kept VALUES (1)');
      expect((await db.query('SELECT * FROM kept')).rowCount).toBe(round);
      await db.close();
    }
  });
});

describe('the directory of an embedded database', () => {
  it('is refused when it holds something else', async () => {
    const dataDir = join(root, 'occupied');
    mkdirSync(dataDir);
    writeFileSync(join(dataDir, 'letter.txt'), 'dear');
    await expect(openDatabase({ dataDir })).rejects.toMatchObject({
      code: 'SQL_OPTION_INVALID',
      details: { option: 'dataDir' },
    });
    expect(readdirSync(dataDir)).toEqual(['letter.txt']);
  });

  it('opens once in a process, and again after it was closed', async () => {
    const dataDir = join(root, 'once');
    const db = await openDatabase({ dataDir });
    await expect(openDatabase({ dataDir })).rejects.toMatchObject({
      code: 'SQL_DIRECTORY_LOCKED',
      message: expect.stringContaining('this very process'),
    });
    await db.close();
    const again = await openDatabase({ dataDir });
    await again.close();
  });

  it('is made by initdb where there is no template', async () => {
    const dataDir = join(root, 'initdb');
    mkdirSync(dataDir);
    await initialise(dataDir, null);
    const db = await openDatabase({ dataDir });
    expect((await db.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await db.close();
  });
});

describe('a PGlite instance of the caller', () => {
  it('stays open, and its own transactions stay apart', async () => {
    const instance = await PGlite.create({ noInitDb: false });
    await instance.exec('CREATE TABLE mine (id int)');
    const db = await fromPglite(instance);
    const seen: string[] = [];
    await db.listen('mine', (payload) => seen.push(payload));
    let later: Promise<unknown> = Promise.resolve();
    await instance.transaction(async (tx) => {
      await tx.query('INSERT INTO mine VALUES (1)');
      later = db.query('INSERT INTO mine VALUES (2)');
      await new Promise((resolve) => setTimeout(resolve, 20));
      await tx.rollback();
    });
    await later;
    expect((await instance.query('SELECT * FROM mine')).rows).toEqual([{ id: 2 }]);
    await db.notify('mine', 'x');
    await expect.poll(() => seen).toEqual(['x']);
    const second = await fromPglite(instance);
    for (const handle of [db, second]) {
      await handle.query('SELECT $1::int', [1], { name: 'shared' });
    }
    await db.close();
    await second.close();
    expect((await instance.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await instance.close();
  });
});
