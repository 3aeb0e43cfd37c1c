import { expect } from 'vitest';
import type { QueueStore } from '../../../src/index.js';
import { type Address, openStore } from './address.js';
import { Crew, repeated } from './crew.js';
import { monotonicMs } from './log.js';
import type { Program } from './program.js';
import { eventually, summary } from './scale.js';
import { countsOf, enqueueTasks, produce, untilWorkedOff, Watch } from './watch.js';

/** Something bad that happens to a store while processes work on it. */
export interface Trouble {
  readonly title: string;
  readonly program: Program;
  readonly address: Address;
  /** How many tasks are there before; more are enqueued while it happens unless `forgetful`. */
  readonly tasks: number;
  /** Longest time of a handler, in milliseconds. */
  readonly handlerMs: number;
  /** Worker processes. @defaultValue 2 */
  readonly processes?: number;
  /** Waits until what was enqueued cannot be lost. */
  readonly settled?: () => Promise<void>;
  /** Makes it happen; returns figures for the summary. */
  readonly happen: (crew: Crew, store: QueueStore<never>) => Promise<object>;
  /** What the store acknowledged just before may be lost: what was done is then done again. @defaultValue false */
  readonly forgetful?: boolean;
}

/**
 * Lets processes work while something bad happens. Every acknowledged task is completed, the history of every task is
 * one that may be, and no completion is accepted twice. Nobody starts the workers again.
 */
export async function survive(trouble: Trouble): Promise<void> {
  const { title, address, tasks, handlerMs, forgetful = false } = trouble;
  const { store, close } = await openStore(address);
  const crew = new Crew(trouble.program, { address });
  try {
    await store.migrate();
    const ids = await enqueueTasks(store, tasks, handlerMs);
    await trouble.settled?.();
    for (let n = 0; n < (trouble.processes ?? 2); n++) crew.start();
    await eventually('they work', () => crew.errors.length > 0 || crew.begun > tasks / 10);
    expect(crew.done().length, 'it happens in the middle').toBeLessThan(tasks);
    const producing = forgetful ? undefined : produce(store);
    const figures = await trouble.happen(crew, store);
    const overAt = monotonicMs();
    const produced = await producing?.end();
    ids.push(...(produced?.acknowledged ?? []));
    await untilWorkedOff(store, crew, 120_000);
    const restMs = monotonicMs() - overAt;
    await crew.end();
    const history = await new Watch(store).end();
    summary(title, {
      tasks: ids.length,
      'refused enqueues': produced?.refused ?? 0,
      'lapsed leases': history.lapsed.size,
      'completed again': repeated(crew.done()).length,
      'ms until all was done': Math.round(restMs),
      violations: history.violations.length,
      ...figures,
    });
    expect(crew.errors).toEqual([]);
    expect({ gaps: history.gaps, violations: history.violations }).toEqual({
      gaps: 0,
      violations: [],
    });
    const completed = new Set(history.in('completed'));
    expect(ids.filter((id) => !completed.has(id))).toEqual([]);
    // An enqueue whose answer was lost may have been one.
    expect(completed.size - ids.length).toBeLessThanOrEqual(produced?.refused ?? 0);
    const { size } = completed;
    expect(await countsOf(store)).toMatchObject({ completed: size, dead: 0, cancelled: 0 });
    expect(repeated(crew.done(forgetful ? overAt : 0))).toEqual([]);
  } finally {
    await crew.killAll();
    await close();
  }
}
