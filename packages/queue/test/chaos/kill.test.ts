import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findPostgres, startPostgres } from '../../../../test-services/postgres.js';
import { findRedis, startRedis } from '../../../../test-services/redis.js';
import { type Address, openStore } from './support/address.js';
import { Crew, type Member, repeated } from './support/crew.js';
import { buildProgram, type Program } from './support/program.js';
import { eventually, pause, scaled, summary, watchLateness } from './support/scale.js';
import {
  countsOf,
  enqueueTasks,
  PROMISED_MS,
  recoveryTimes,
  untilWorkedOff,
  Watch,
} from './support/watch.js';

const HANDLER_MS = scaled(100, 150);
const TIMEOUT_MS = scaled(90_000, 900_000);

const ends: (() => Promise<unknown>)[] = [];
let program: Program;

beforeAll(async () => {
  program = await buildProgram('worker');
});
afterAll(async () => {
  for (const end of ends.reverse()) await end();
  await program?.remove();
});

function isBusy({ log }: Member): boolean {
  return log.open.length > 0;
}

/** Kills a process at a random moment of its work, each time that another part of the tasks has begun. */
async function killAgainAndAgain(crew: Crew, kills: number, tasks: number): Promise<void> {
  for (let kill = 0; kill < kills; kill++) {
    const begun = ((kill + Math.random()) * 0.85 * tasks) / kills;
    await eventually(`${Math.round(begun)} tasks have begun`, () => {
      if (crew.errors.length > 0) throw new Error(crew.errors.join('\n'));
      return crew.begun >= begun && crew.living.some(isBusy);
    });
    const busy = crew.living.filter(isBusy);
    const victim = busy[Math.floor(Math.random() * busy.length)];
    if (victim === undefined) continue;
    await pause(Math.random() * 20);
    crew.start(); // comes up meanwhile
    await crew.kill(victim);
  }
}

async function survive(name: string, address: Address): Promise<void> {
  const [tasks, kills, processes] = [scaled(1_500, 50_000), scaled(12, 205), scaled(2, 4)];
  const { store, close } = await openStore(address);
  ends.push(close);
  await store.migrate();
  const watch = new Watch(store);
  const ids = await enqueueTasks(store, tasks, HANDLER_MS);
  const lateness = watchLateness();
  const crew = new Crew(program, { address });
  ends.push(() => crew.killAll());
  for (let n = 0; n < processes; n++) crew.start();
  await killAgainAndAgain(crew, kills, tasks);
  await untilWorkedOff(store, crew, TIMEOUT_MS);
  await crew.end();
  const history = await watch.end();
  const times = await recoveryTimes(store, crew, history);
  summary(`kill, ${name}`, {
    kills: crew.kills,
    tasks,
    'lapsed leases': history.lapsed.size,
    'largest recovery ms': Math.round(Math.max(0, ...times)),
    'machine late by ms': lateness.end(),
    violations: history.violations.length,
  });
  expect(crew.errors).toEqual([]);
  expect({ gaps: history.gaps, violations: history.violations }).toEqual({
    gaps: 0,
    violations: [],
  });
  expect(await countsOf(store)).toMatchObject({ completed: tasks, dead: 0, cancelled: 0 });
  expect(history.in('completed').sort()).toEqual([...ids].sort());
  expect(repeated(crew.done())).toEqual([]);
  expect(crew.kills).toBeGreaterThanOrEqual(kills - 2);
  expect(times.length).toBeGreaterThan(0);
  expect(Math.max(...times)).toBeLessThanOrEqual(PROMISED_MS);
}

describe.concurrent('worker processes killed with SIGKILL at random moments', () => {
  it.skipIf(findRedis() === undefined)(
    'lose nothing on Redis, complete nothing twice, and their tasks run again in time',
    async () => {
      const server = await startRedis();
      ends.push(() => server.stop());
      await survive('Redis', { kind: 'redis', url: server.url });
    },
    TIMEOUT_MS,
  );

  it.skipIf(findPostgres() === undefined)(
    'lose nothing on Postgres, complete nothing twice, and their tasks run again in time',
    async () => {
      const server = await startPostgres();
      ends.push(() => server.stop());
      await survive('Postgres', { kind: 'postgres', url: server.url });
    },
    TIMEOUT_MS,
  );
});
