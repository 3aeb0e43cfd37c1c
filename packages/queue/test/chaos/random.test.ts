import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findPostgres, startPostgres } from '../../../../test-services/postgres.js';
import { findRedis, startRedis } from '../../../../test-services/redis.js';
import { type Address, openStore } from './support/address.js';
import { checkLimits } from './support/check-limits.js';
import { Crew, repeated } from './support/crew.js';
import { monotonicMs } from './support/log.js';
import { buildProgram, type Program } from './support/program.js';
import {
  CAP,
  CAPPED,
  GROUP_RATE,
  GROUP_RATED,
  MAIN,
  QUEUE_CONCURRENCY,
  QUEUE_RATE,
  RATED,
} from './support/rules.js';
import { isSoak, pause, scaled, summary } from './support/scale.js';
import { countsOf, untilWorkedOff, Watch } from './support/watch.js';

const [PROCESSES, RUN_MS, KILL_EVERY_MS] = [scaled(3, 8), scaled(5_000, 300_000), 2_500];
const LEASE_MS = scaled(3_000, 10_000);
const TIMEOUT_MS = scaled(60_000, 600_000);

const ends: (() => Promise<unknown>)[] = [];
let program: Program;

beforeAll(async () => {
  program = await buildProgram('random');
});
afterAll(async () => {
  for (const end of ends.reverse()) await end();
  await program?.remove();
});

/** Lets the processes do what they like, kills one now and then, and ends what they do in good order. */
async function runFor(crew: Crew, ms: number): Promise<void> {
  for (let n = 0; n < PROCESSES; n++) crew.start();
  for (const end = monotonicMs() + ms; monotonicMs() < end && crew.errors.length === 0; ) {
    await pause(KILL_EVERY_MS * (0.5 + Math.random()));
    const victim = crew.living[Math.floor(Math.random() * crew.living.length)];
    if (victim === undefined) continue;
    await crew.kill(victim);
    crew.start();
  }
  for (const { child } of crew.living) child.stdin?.write('quiet\n');
  await pause(500); // whatever they were about to do is done
}

async function obey(name: string, address: Address): Promise<void> {
  const { store, close } = await openStore(address);
  ends.push(close);
  await store.migrate();
  const groups = Object.fromEntries(CAPPED.map((key) => [key, { concurrency: CAP }]));
  await store.control(MAIN, {
    concurrency: QUEUE_CONCURRENCY,
    groups: { ...groups, [GROUP_RATED]: { rate: GROUP_RATE } },
  });
  await store.control(RATED, { rate: QUEUE_RATE });
  const watch = new Watch(store);
  const most = PROCESSES + Math.ceil((2 * RUN_MS) / KILL_EVERY_MS) + 2;
  const crew = new Crew(program, { address, lease: LEASE_MS, most });
  ends.push(() => crew.killAll());
  await runFor(crew, RUN_MS);
  await store.control(MAIN, { paused: false }); // whoever paused it last may have been killed
  await untilWorkedOff(store, crew, 120_000, MAIN);
  await untilWorkedOff(store, crew, 120_000, RATED);
  await crew.end();
  const history = await watch.end();
  const { violations, reached } = checkLimits(crew, history);
  const all = [...history.violations, ...violations];
  summary(`random, ${name}`, {
    processes: PROCESSES,
    kills: crew.kills,
    tasks: history.stories.size,
    events: history.events.length,
    'handlers begun': crew.begun,
    'lapsed leases': history.lapsed.size,
    ...reached,
    violations: all.length,
  });
  expect(crew.errors).toEqual([]);
  expect({ gaps: history.gaps, violations: all }).toEqual({ gaps: 0, violations: [] });
  expect(repeated(crew.done())).toEqual([]);
  const [main, rated] = [await countsOf(store, MAIN), await countsOf(store, RATED)];
  for (const phase of ['completed', 'dead', 'cancelled'] as const)
    expect(main[phase] + rated[phase]).toBe(history.in(phase).length);
  expect(history.in('waiting').length + history.in('leased').length).toBe(0);
  // A short run need not reach every limit.
  if (!isSoak) return;
  expect(reached).toMatchObject({ 'capped-0 at once': CAP, 'strict at once': 1 });
  expect(reached).toMatchObject({ 'group in a window': GROUP_RATE.max });
}

describe('processes that do at random whatever can be done to a queue', () => {
  it.skipIf(findRedis() === undefined)(
    'never see a cap, a rate, an order or a key broken on Redis',
    async () => {
      const server = await startRedis();
      ends.push(() => server.stop());
      await obey('Redis', { kind: 'redis', url: server.url });
    },
    TIMEOUT_MS,
  );

  it.skipIf(findPostgres() === undefined)(
    'never see a cap, a rate, an order or a key broken on Postgres',
    async () => {
      const server = await startPostgres();
      ends.push(() => server.stop());
      await obey('Postgres', { kind: 'postgres', url: server.url });
    },
    TIMEOUT_MS,
  );
});
