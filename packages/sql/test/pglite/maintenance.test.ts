import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { ForcedEnd } from '../../src/forced-end.js';
import { silentLogger } from '../../src/logger.js';
import { openDirectory } from '../../src/pglite/embedded.js';
import { Maintenance } from '../../src/pglite/maintenance.js';

const root = mkdtempSync(join(tmpdir(), 'holdfast-sql-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

it('writes checkpoints as the log grows and vacuums tables as dead rows gather', async () => {
  const nothing = (): void => {};
  const engine = await openDirectory(
    { dataDir: join(root, 'data'), logger: silentLogger },
    {
      acquire: nothing,
      release: nothing,
      connect: nothing,
      disconnect: nothing,
      error: nothing,
      forcedEnd: new ForcedEnd(),
    },
  );
  const run = (script: string) => engine.use((session) => session.script(script, {}));
  const maintenance = new Maintenance(engine, silentLogger);
  expect(await maintenance.run()).toEqual({ walBytes: 0, checkpointed: false, vacuumed: [] });

  await run('CREATE TABLE "Dead rows" (id int, body text)');
  for (let round = 0; round < 3; round += 1) {
    await run(
      `INSERT INTO "Dead rows" SELECT n, repeat('x', 2000) FROM generate_series(1, 6000) n`,
    );
    await run('DELETE FROM "Dead rows"');
  }
  const report = await maintenance.run();
  expect(report).toMatchObject({ checkpointed: true, vacuumed: ['public."Dead rows"'] });
  expect(report.walBytes).toBeGreaterThan(32 * 1024 * 1024);

  const { rows } = await engine.use((session) =>
    session.query('SELECT n_dead_tup AS dead FROM pg_stat_user_tables', [], {}),
  );
  expect(rows).toEqual([{ dead: 0 }]);
  expect(await maintenance.run()).toMatchObject({ checkpointed: false, vacuumed: [] });
  await engine.close();
});
