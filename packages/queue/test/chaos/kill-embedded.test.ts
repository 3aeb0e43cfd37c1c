import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Address, openStore } from './support/address.js';
import { Crew, repeated } from './support/crew.js';
import { buildProgram, type Program } from './support/program.js';
import { eventually, pause, scaled, summary, watchLateness } from './support/scale.js';
import { countsOf, enqueueTasks, PROMISED_MS, recoveryTimes, Watch } from './support/watch.js';

const HANDLER_MS = 200;
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

/** The processes come one after the other, each killed in the middle of its work; only one has the database at a time. */
async function killOneByOne(crew: Crew, kills: number): Promise<void> {
  for (let kill = 0; kill < kills; kill++) {
    const member = crew.start();
    // A claim is on the disk with the next completion at the latest; one that was not is undone, and waits for no lease.
    await eventually(
      'it works',
      () => crew.errors.length > 0 || (member.log.done.length > 0 && member.log.open.length > 0),
    );
    await pause(Math.random() * HANDLER_MS);
    await crew.kill(member);
  }
}

it(
  'a process killed with its embedded database loses nothing, completes nothing twice, and its tasks run again in time',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-kill-'));
    ends.push(() => rm(folder, { recursive: true, force: true }));
    const address: Address = { kind: 'pglite', folder: join(folder, 'db') };
    const [tasks, kills] = [scaled(300, 2_000), scaled(2, 25)];
    const first = await openStore(address);
    await first.store.migrate();
    const ids = await enqueueTasks(first.store, tasks, HANDLER_MS);
    await first.close();
    const lateness = watchLateness();
    const crew = new Crew(program, { address });
    ends.push(() => crew.killAll());
    await killOneByOne(crew, kills);
    const { child } = crew.start({ untilDone: true });
    await new Promise((resolve) => child.once('close', resolve));
    const { store, close } = await openStore(address);
    ends.push(close);
    const history = await new Watch(store).end();
    const times = await recoveryTimes(store, crew, history, { whileUp: true });
    summary('kill, embedded', {
      kills: crew.kills,
      tasks,
      'lapsed leases': history.lapsed.size,
      'largest recovery ms while a process was up': Math.round(Math.max(0, ...times)),
      'machine late by ms': lateness.end(),
      violations: history.violations.length,
    });
    expect(crew.errors).toEqual([]);
    expect(history.violations).toEqual([]);
    expect(await countsOf(store)).toMatchObject({ completed: tasks, dead: 0 });
    expect(history.in('completed').sort()).toEqual([...ids].sort());
    expect(repeated(crew.done())).toEqual([]);
    expect(times.length).toBeGreaterThan(0);
    // Once there is a process again.
    expect(Math.max(...times)).toBeLessThanOrEqual(PROMISED_MS);
  },
  TIMEOUT_MS,
);
