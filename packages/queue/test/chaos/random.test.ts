import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findPostgres, startPostgres } from '../../../../test-services/postgres.js';
import { findRedis, startRedis } from '../../../../test-services/redis.js';
import { createQueue, defineTask, isQueueError, type QueueStore } from '../../src/index.js';
import { openStore } from './support/address.js';
import { checkLimits } from './support/check-limits.js';
import { type Rivals, unfairness } from './support/check-order.js';
import { Crew, repeated } from './support/crew.js';
import { type Disturbances, disturbPostgres, disturbRedis } from './support/disturb.js';
import { Lines } from './support/faults.js';
import { monotonicMs } from './support/log.js';
import { buildProgram, type Program } from './support/program.js';
import { checkRecords, readRecords } from './support/records.js';
import {
  CAP,
  CAPPED,
  GROUP_RATE,
  GROUP_RATED,
  HELD,
  MAIN,
  QUEUE_CONCURRENCY,
  QUEUE_RATE,
  QUEUES,
  RATED,
  WEIGHT,
  WEIGHTED,
} from './support/rules.js';
import { eventually, isSoak, pause, scaled, summary } from './support/scale.js';
import { countsOf, untilWorkedOff, Watch } from './support/watch.js';

const [PROCESSES, RUN_MS, KILL_EVERY_MS] = [scaled(3, 8), scaled(5_000, 300_000), 2_500];
const DISTURB_EVERY_MS = scaled(2_500, 8_000);
const LEASE_MS = scaled(3_000, 10_000);
const FLOOD_EVERY_MS = scaled(3_000, 20_000);
/** What a claim of many by several processes may be apart from the shares, in tasks. */
const FAIR_TO_TASKS = 4;
const TIMEOUT_MS = scaled(90_000, 900_000);

const ends: (() => Promise<unknown>)[] = [];
let program: Program;

beforeAll(async () => {
  program = await buildProgram('random');
});
afterAll(async () => {
  for (const end of ends.reverse()) await end();
  await program?.remove();
});

/** Fills two groups of different weights at one moment, and those with caps and a rate with more than they allow, again and again. */
async function flood(store: QueueStore<never>, until: () => boolean): Promise<Rivals[]> {
  const queue = createQueue(MAIN, { store, retry: { attempts: 20, initial: 20 } });
  const task = defineTask(WEIGHTED);
  const item = (key: string, weight: number) => ({ task, payload: null, group: { key, weight } });
  const rivals: Rivals[] = [];
  for (let n = 0; !until(); n++) {
    const light = Array.from({ length: 20 }, () => item(`light-${n}`, 1));
    const heavy = Array.from({ length: 20 * WEIGHT }, () => item(`heavy-${n}`, WEIGHT));
    const more = [...CAPPED, GROUP_RATED].flatMap((name) =>
      Array.from({ length: 2 * GROUP_RATE.max }, () => ({
        ...{ task: defineTask(name), payload: null, group: name },
        priority: 10, // all that may be claimed are claimed at once
      })),
    );
    const made = await queue.enqueueMany([...light, ...heavy, ...more]).catch((error: unknown) => {
      if (!isQueueError(error) || error.code !== 'QUEUE_STORE_UNAVAILABLE') throw error;
      return []; // whether they are there is not known
    });
    const ids = made.map(({ id }) => id);
    rivals.push({
      light: new Set(ids.slice(0, light.length)),
      heavy: new Set(ids.slice(light.length, light.length + heavy.length)),
      weight: WEIGHT,
    });
    for (const end = monotonicMs() + FLOOD_EVERY_MS; !until() && monotonicMs() < end; )
      await pause(50);
  }
  return rivals;
}

const any = <T>(items: readonly T[]): T | undefined =>
  items[Math.floor(Math.random() * items.length)];

/** Does something to the server now and then; how often each thing was done. */
async function disturb(
  { acts }: Disturbances,
  until: () => boolean,
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  while (!until()) {
    await pause(DISTURB_EVERY_MS * (0.5 + Math.random()));
    if (until()) break;
    const [name = '', act] = any(Object.entries(acts)) ?? [];
    await act?.().catch(() => undefined); // the connection of whoever does it may be the one that ends
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

/** Lets the processes do what they like, kills or freezes one now and then, and ends what they do in good order. */
async function runFor(crew: Crew, lines: Lines, ms: number): Promise<void> {
  const start = async () => crew.start({ address: await lines.open() });
  const frozen: Promise<void>[] = [];
  for (let n = 0; n < PROCESSES; n++) await start();
  for (const end = monotonicMs() + ms; monotonicMs() < end && crew.errors.length === 0; ) {
    await pause(KILL_EVERY_MS * (0.5 + Math.random()));
    const victim = any(crew.living);
    if (victim === undefined) continue;
    if (Math.random() < 0.3) frozen.push(crew.freeze(victim, Math.random() * 1.5 * LEASE_MS));
    else {
      await crew.kill(victim);
      await start();
    }
  }
  await Promise.all([lines.heal(), ...frozen]);
  for (const { child } of crew.living) child.stdin?.write('quiet\n');
  await eventually(
    'they are still',
    () => crew.errors.length > 0 || crew.living.every(({ log }) => log.isStill),
    60_000,
  );
}

/** Takes away what keeps tasks from being worked off, and waits until they are. */
async function workOff(store: QueueStore<never>, crew: Crew): Promise<void> {
  await eventually('the queue goes on, and nothing is scheduled', async () => {
    await store.control(MAIN, { paused: false }); // whoever paused it last may have been killed
    const schedules = (await store.schedules?.({})) ?? [];
    await store.schedule?.(schedules.map(({ queue, id }) => ({ kind: 'remove', queue, id })));
    return true;
  });
  const held = { queue: MAIN, name: HELD };
  const timer = setInterval(() => {
    store.alter(held, { kind: 'redrive' }, 500).catch(() => undefined);
  }, 250);
  for (const queue of QUEUES) await untilWorkedOff(store, crew, 120_000, queue);
  clearInterval(timer);
  await crew.end();
}

async function setLimits(store: QueueStore<never>): Promise<void> {
  const groups = Object.fromEntries(CAPPED.map((key) => [key, { concurrency: CAP }]));
  await store.control(MAIN, {
    concurrency: QUEUE_CONCURRENCY,
    groups: { ...groups, [GROUP_RATED]: { rate: GROUP_RATE } },
  });
  await store.control(RATED, { rate: QUEUE_RATE });
}

async function obey(
  name: string,
  address: { kind: 'redis' | 'postgres'; url: string },
  disturbances: Disturbances,
) {
  ends.push(() => disturbances.close());
  const { store, close } = await openStore(address);
  ends.push(close);
  await store.migrate();
  await setLimits(store);
  const watch = new Watch(store);
  const lines = new Lines(address, 1.5 * LEASE_MS);
  ends.push(() => lines.close());
  const crew = new Crew(program, { lease: LEASE_MS, faulty: true });
  ends.push(() => crew.killAll());
  let isOver = false;
  const flooded = flood(store, () => isOver);
  const disturbed = disturb(disturbances, () => isOver);
  await runFor(crew, lines, RUN_MS);
  isOver = true;
  const [rivals, counts] = await Promise.all([flooded, disturbed]);
  await workOff(store, crew);
  const history = await watch.end();
  const records = await readRecords(store, QUEUES);
  const { violations, reached } = checkLimits(crew, history, records);
  const all = [...history.violations, ...checkRecords(records, history), ...violations];
  const unfair = Math.max(...rivals.map((pair) => unfairness(history, pair)));
  summary(`random, ${name}`, {
    processes: PROCESSES,
    kills: crew.kills,
    freezes: crew.freezes,
    ...lines.counts,
    ...counts,
    tasks: history.stories.size,
    events: history.events.length,
    'handlers begun': crew.begun,
    'lapsed leases': history.lapsed.size,
    ...reached,
    'apart from the share': unfair.toFixed(1),
    violations: all.length,
  });
  expect(crew.errors).toEqual([]);
  expect({ gaps: history.gaps, violations: all }).toEqual({ gaps: 0, violations: [] });
  expect(repeated(crew.done())).toEqual([]);
  expect(unfair).toBeLessThanOrEqual(FAIR_TO_TASKS);
  const counted = await Promise.all(QUEUES.map((queue) => countsOf(store, queue)));
  for (const phase of ['completed', 'dead', 'cancelled'] as const) {
    expect(counted.reduce((sum, of) => sum + of[phase], 0)).toBe(history.in(phase).length);
  }
  // A short run need not reach every limit.
  if (!isSoak) return;
  expect(reached).toMatchObject({ 'capped-0 at once': CAP, 'strict at once': 1 });
  expect(reached).toMatchObject({ 'group in a window': GROUP_RATE.max });
}

describe('processes that do at random whatever can be done to a queue, over lines and on servers that fail', () => {
  it.skipIf(findRedis() === undefined)(
    'never see a cap, a rate, an order, a flow, a schedule or a key broken on Redis',
    async () => {
      const server = await startRedis({ durable: true });
      ends.push(() => server.stop());
      await obey('Redis', { kind: 'redis', url: server.url }, disturbRedis(server));
    },
    TIMEOUT_MS,
  );

  it.skipIf(findPostgres() === undefined)(
    'never see a cap, a rate, an order, a flow, a schedule or a key broken on Postgres',
    async () => {
      const server = await startPostgres();
      ends.push(() => server.stop());
      const disturbances = await disturbPostgres(server);
      await obey('Postgres', { kind: 'postgres', url: server.url }, disturbances);
    },
    TIMEOUT_MS,
  );
});
