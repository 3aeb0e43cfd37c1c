import { randomBytes } from 'node:crypto';
import type { SqlDatabase } from '@holdfast/sql';
import { testDatabases } from '@holdfast/sql/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Kit, type StoreHarness } from '../../src/testing.js';
import { freezeClock, frozenStore } from './harness.js';
import { frozenRedisStore } from './redis-harness.js';

const [FEW, MANY] = [100, 20_000];
const CHUNK = 1_000;
const READY = 200;
const CLAIM = 10;

/** Adds tasks that a claim must not look at. */
type Behind = <Tx>(kit: Kit<Tx>, count: number) => Promise<void>;

async function inChunks(count: number, add: (count: number) => Promise<unknown>): Promise<void> {
  for (let added = 0; added < count; added += CHUNK) await add(Math.min(CHUNK, count - added));
}

const BEHIND: Readonly<Record<string, Behind>> = {
  scheduled: (kit, count) =>
    inChunks(count, (size) =>
      kit.addAll(...Array.from({ length: size }, () => ({ when: { delayMs: 3_600_000 } }))),
    ),
  dead: (kit, count) =>
    inChunks(count, async (size) => {
      await kit.addAll(...Array.from({ length: size }, () => ({})));
      const claimed = await kit.claim('undertaker', size);
      await kit.settle('undertaker', ...claimed.map((task) => kit.dead(task)));
    }),
  'blocked by their group': async (kit, count) => {
    await kit.store.control('q', { groups: { full: { concurrency: 1 } } });
    await inChunks(count, (size) => kit.addGroup('full', size));
  },
};

async function prepare<Tx>(kit: Kit<Tx>, behind: Behind, count: number): Promise<void> {
  await behind(kit, count);
  await kit.addAll(...Array.from({ length: READY }, () => ({})));
}

for (const database of testDatabases().filter(({ name }) => name === 'postgres')) {
  describe.skipIf(!database.available)('on postgres a claim touches as few pages', () => {
    let db: SqlDatabase;
    beforeAll(async () => {
      db = await database.open();
      await freezeClock(db);
    });
    afterAll(async () => {
      await db?.close();
    });

    it.each(Object.entries(BEHIND))(
      'with many tasks %s as with few',
      async (_, behind) => {
        const few = await pagesOfClaim(db, behind, FEW);
        const many = await pagesOfClaim(db, behind, MANY);
        // An index of many has a level more: a page for each look at one.
        expect(many).toBeLessThanOrEqual(1.5 * few + 20);
      },
      300_000,
    );
  });
}

/** Pages that the statement of a claim touches, of several times the least: it is rolled back. */
async function pagesOfClaim(db: SqlDatabase, behind: Behind, count: number): Promise<number> {
  const harness = await frozenStore(db);
  try {
    const kit = new Kit(harness);
    await prepare(kit, behind, count);
    await db.exec('vacuum analyze');
    const query = db.query.bind(db);
    let claim: readonly [string, readonly unknown[]] | undefined;
    db.query = (text, values, options) => {
      claim = [text, values ?? []];
      return query(text, values, options);
    };
    expect((await kit.claim('w', CLAIM)).length).toBe(CLAIM);
    db.query = query;
    const touched: number[] = [];
    for (let turn = 0; turn < 3; turn++) touched.push(await pagesOf(db, claim ?? ['', []]));
    return Math.min(...touched);
  } finally {
    await harness.close();
  }
}

async function pagesOf(db: SqlDatabase, [text, values]: readonly [string, readonly unknown[]]) {
  let pages = 0;
  const undone = new Error('undone');
  await db
    .transaction(async (tx) => {
      const explain = `explain (analyze, buffers, format json) ${text}`;
      const { rows } = await tx.query<{ 'QUERY PLAN': [{ Plan: Record<string, number> }] }>(
        explain,
        values,
      );
      const plan = rows[0]?.['QUERY PLAN'][0].Plan ?? {};
      pages = (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0);
      throw undone;
    })
    .catch((error: unknown) => {
      if (error !== undone) throw error;
    });
  expect(pages).toBeGreaterThan(0);
  return pages;
}

const url = process.env.TEST_REDIS_URL ?? '';

/** Counts the commands of a script and the elements of their answers. */
const COUNTING = `
local server, touched = redis, 0
local redis = setmetatable({call = function(...)
  local reply = server.call(...)
  touched = touched + 1 + (type(reply) == 'table' and #reply or 0)
  server.call('SET', KEYS[1] .. ':touched', touched)
  return reply
end}, {__index = server})`;

describe.skipIf(url === '')('on redis the script of a claim does as little', () => {
  let client: Redis;
  beforeAll(() => {
    client = new Redis(url);
  });
  afterAll(() => client.disconnect());

  /** What the claim of some tasks makes its script do. */
  async function workOfClaim(behind: Behind, count: number): Promise<number> {
    const prefix = `test-${randomBytes(6).toString('hex')}`;
    const harness: StoreHarness<never> = await frozenRedisStore(client, prefix, COUNTING);
    try {
      const kit = new Kit(harness);
      await prepare(kit, behind, count);
      expect((await kit.claim('w', CLAIM)).length).toBe(CLAIM);
      const touched = Number(await client.get(`${prefix}:{${prefix}:queue}:touched`));
      expect(touched).toBeGreaterThan(CLAIM);
      return touched;
    } finally {
      await harness.close();
    }
  }

  it.each(Object.entries(BEHIND))(
    'with many tasks %s as with few',
    async (_, behind) => {
      const few = await workOfClaim(behind, FEW);
      expect(await workOfClaim(behind, MANY)).toBeLessThanOrEqual(few);
    },
    120_000,
  );
});
