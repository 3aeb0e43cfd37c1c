import { fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import { runChild } from '../../lib/child.mjs';
import { range } from '../../lib/table.mjs';
import { now } from '../measure.mjs';
import { freshDatabase } from '../postgres.mjs';

const DURATION_MS = 700;

/** How often a second `step` can be done one after another. */
async function rate(step, each = 1) {
  for (let i = 0; i < 20; i++) await step();
  const start = now();
  let count = 0;
  while (now() - start < DURATION_MS) {
    await step();
    count += each;
  }
  return (count / (now() - start)) * 1_000;
}

/** Appends a page to a file and waits for the disk. */
export async function diskLimit() {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'));
  try {
    const file = openSync(join(folder, 'log'), 'w');
    const page = Buffer.alloc(8_192, 1);
    const synced = await rate(async () => {
      writeSync(file, page);
      fdatasyncSync(file);
    });
    return { 'Disk: appends of 8 KiB, each with fdatasync': synced };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

// What any durable queue has to do at least: the settled rows go, the next ones are taken under a lease.
const LEAST = `
  with gone as (delete from task where id = any($1::bigint[])),
  next as (select id from task where lease is null order by id limit 100 for update skip locked)
  update task set lease = now() from next where task.id = next.id returning task.id`;

/** PostgreSQL with one client. */
export async function postgresLimits({ url }) {
  const client = new pg.Client(url);
  await client.connect();
  await client.query(`create table task (id bigint generated always as identity primary key, lease timestamptz,
    payload text not null); create index on task (id) where lease is null`);
  const insert = (count) =>
    client.query({
      name: 'insert',
      text: 'insert into task (payload) select p from unnest($1::text[]) p',
      values: [Array.from({ length: count }, (_, i) => `{"i":${i}}`)],
    });
  const round = await rate(() => client.query({ name: 'one', text: 'select 1' }));
  const one = await rate(() => insert(1));
  const many = await rate(() => insert(1_000), 1_000);
  let last = [];
  const claimed = await rate(async () => {
    const { rows } = await client.query({ name: 'least', text: LEAST, values: [last] });
    last = rows.map(({ id }) => id);
  }, 100);
  await client.end();
  return {
    'PostgreSQL: round trips (select 1), one client': round,
    'PostgreSQL: commits of one row, one client': one,
    'PostgreSQL: rows inserted, 1,000 a commit': many,
    'PostgreSQL: rows deleted and next ones leased, 100 a commit, bare table': claimed,
  };
}

const LEASE = `
  if #ARGV > 0 then redis.call('ZREM', KEYS[3], unpack(ARGV)) redis.call('HDEL', KEYS[1], unpack(ARGV)) end
  local ids = redis.call('LPOP', KEYS[2], 100)
  if not ids then return {} end
  local leases = {}
  for i = 1, #ids do leases[2 * i - 1] = 1 leases[2 * i] = ids[i] end
  redis.call('ZADD', KEYS[3], unpack(leases))
  return { ids, redis.call('HMGET', KEYS[1], unpack(ids)) }`;

/** Redis with one connection. */
export async function redisLimits({ url }) {
  const client = new Redis(url);
  await client.flushall();
  const ping = await rate(() => client.ping());
  const set = await rate(async () => {
    const batch = client.pipeline();
    for (let i = 0; i < 500; i++) batch.set(`k${i}`, 'v');
    await batch.exec();
  }, 500);
  await client.flushall();
  for (let first = 0; first < 200_000; first += 1_000) {
    const ids = Array.from({ length: 1_000 }, (_, i) => first + i);
    await client.rpush('ready', ids);
    await client.hset('tasks', Object.fromEntries(ids.map((id) => [id, `{"i":${id}}`])));
  }
  client.defineCommand('lease', { numberOfKeys: 3, lua: LEASE });
  let last = [];
  let leased = 0;
  const start = now();
  do {
    const [ids = []] = await client.lease('tasks', 'ready', 'leases', ...last);
    last = ids;
    leased += ids.length;
  } while (last.length > 0);
  const leases = (leased / (now() - start)) * 1_000;
  await client.flushall();
  client.disconnect();
  return {
    'Redis: round trips (PING), one connection': ping,
    'Redis: SET, pipelines of 500': set,
    'Redis: tasks settled and next ones leased by one script, 100 a call, nothing else': leases,
  };
}

export const limitsWork = {
  name: 'limits',
  title: 'What the disk and the servers can do at most, with one client',
  async run(context) {
    const samples = {};
    for (let round = 0; round < context.rounds; round++) {
      const url = await freshDatabase(context.services.postgres, 'bench_limits');
      const figures = [
        await runChild(import.meta.url, 'diskLimit'),
        await runChild(import.meta.url, 'postgresLimits', { url }),
        await runChild(import.meta.url, 'redisLimits', { url: context.services.redis.stock }),
      ];
      for (const [what, value] of figures.flatMap(Object.entries)) {
        samples[what] ??= [];
        samples[what].push(value);
      }
    }
    const reference = Object.entries(samples).map(([what, values]) => ({
      what: `Limit. ${what}`,
      value: `${range(values)} /s`,
    }));
    return { reference };
  },
};
