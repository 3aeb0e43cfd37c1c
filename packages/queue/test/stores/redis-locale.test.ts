import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findProgram } from '../../../../test-services/programs.js';
import { findRedis, startRedis } from '../../../../test-services/redis.js';
import { temporaryFolder } from '../../../../test-services/server.js';
import type { TestServer } from '../../../../test-services/test-server.js';
import { Kit, type StoreHarness } from '../../src/testing.js';
import { frozenRedisStore } from './redis-harness.js';

const idOf = (end: string): string => `01930000-0000-7000-8000-0000000000${end}`;

const canMake =
  existsSync('/usr/share/i18n/locales/da_DK') && findProgram('localedef') !== undefined;

// The order of texts in scripts is that of the server's locale. In Danish, aa is a letter after z.
describe.skipIf(findRedis() === undefined || !canMake)('Redis in a Danish locale', () => {
  const folder = temporaryFolder('locale');
  let server: TestServer | undefined;
  let client: Redis;
  let harness: StoreHarness<never>;
  let kit: Kit<never>;
  beforeAll(async () => {
    execFileSync('localedef', ['-i', 'da_DK', '-f', 'UTF-8', join(folder.path, 'da_DK.utf8')]);
    server = await startRedis({ env: { LOCPATH: folder.path, LC_ALL: 'da_DK.utf8' } });
    client = new Redis(server.url);
  });
  beforeEach(async () => {
    harness = await frozenRedisStore(client);
    kit = new Kit(harness);
  });
  afterEach(() => harness.close());
  afterAll(async () => {
    client?.disconnect();
    await server?.stop();
    folder.remove();
  });

  it('adds a call that is repeated once', async () => {
    expect(await client.eval("return 'aa' > 'b' and 1 or 0", 0)).toBe(1);
    const tasks = ['aa', 'ab', 'b0'].map((end) => kit.task({ id: idOf(end) }));
    await kit.store.enqueue(tasks);
    await kit.store.enqueue(tasks.slice(0, 2));
    await kit.store.enqueue(tasks.slice(0, 1));
    const claimed = await kit.claim('w', 9);
    expect(claimed.map(({ id }) => id)).toEqual(tasks.map(({ id }) => id));
  });

  it('claims plain tasks and others in the order they came', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 200; i++) {
      const key = { value: `k${i}`, ttlMs: 0 };
      ids.push(await kit.add(i % 3 === 0 ? { key } : {}));
    }
    const claimed: string[] = [];
    for (let i = 0; i < 20; i++) claimed.push(...(await kit.claim('w', 10)).map(({ id }) => id));
    expect(claimed).toEqual(ids);
  });

  it('lists a queue whole, page by page', async () => {
    const ids = ['b0', 'aa', '0a', 'ab', 'a9'].map(idOf);
    for (const id of ids) await kit.add({ id });
    const found: string[] = [];
    for (let after: string | undefined; found.length < 10; after = found.at(-1)) {
      const page = {
        order: 'oldest' as const,
        limit: 1,
        ...(after === undefined ? {} : { after }),
      };
      const [task] = await kit.store.find({ queue: 'q' }, page);
      if (task === undefined) break;
      found.push(task.id);
    }
    expect(found).toEqual([...ids].sort());
  });
});
