import type { QueueStore, TaskState } from '../../../src/index.js';
import { createQueue, defineTask } from '../../../src/index.js';
import type { Crew } from './crew.js';
import { History } from './history.js';
import { eventually, pause } from './scale.js';

const QUEUE = 'q';
const task = defineTask('t');
const CHUNK = 500;

/** Reads the events of a store as they come, so that none are dropped before they were seen. */
export class Watch {
  readonly history = new History();
  readonly #store: QueueStore<never>;
  #running = true;
  readonly #reading: Promise<void>;

  constructor(store: QueueStore<never>) {
    this.#store = store;
    this.#reading = this.#read();
  }

  /** Reads to the end and stops. */
  async end(): Promise<History> {
    this.#running = false;
    await this.#reading;
    await this.history.readAll(this.#store);
    return this.history;
  }

  async #read(): Promise<void> {
    while (this.#running) {
      // A store that is down is asked again.
      const more = await this.history.read(this.#store).catch(() => false);
      if (!more) await pause(20);
    }
  }
}

/** Enqueues tasks whose handlers take a random time of up to `maxMs`. */
export async function enqueueTasks(
  store: QueueStore<never>,
  count: number,
  maxMs: number,
): Promise<string[]> {
  const queue = createQueue(QUEUE, { store, retry: { attempts: 50 } });
  const ids: string[] = [];
  for (let at = 0; at < count; at += CHUNK) {
    const items = Array.from({ length: Math.min(CHUNK, count - at) }, () => ({
      task,
      payload: Math.floor(Math.random() * maxMs),
    }));
    ids.push(...(await queue.enqueueMany(items)).map(({ id }) => id));
    await pause(5); // whoever reads the events keeps up
  }
  return ids;
}

/** Enqueues one task after the other until it is ended; says which were acknowledged, and how many were refused. */
export function produce(store: QueueStore<never>): {
  end(): Promise<{ acknowledged: string[]; refused: number }>;
} {
  const queue = createQueue(QUEUE, { store, retry: { attempts: 50 } });
  const acknowledged: string[] = [];
  let [running, refused] = [true, 0];
  const produced = (async () => {
    while (running) {
      try {
        acknowledged.push((await queue.enqueue(task, 1)).id);
      } catch {
        refused++;
      }
      await pause(5);
    }
  })();
  return {
    end: async () => {
      running = false;
      await produced;
      return { acknowledged, refused };
    },
  };
}

/** Counts of the queue; rejects while the store is down. */
export async function countsOf(
  store: QueueStore<never>,
  name: string = QUEUE,
): Promise<Readonly<Record<TaskState, number>>> {
  const [stats] = await store.stats([name]);
  if (stats === undefined) throw new Error('there is no such queue');
  return stats.counts;
}

/** Waits until nothing is left to be done in the queue. */
export async function untilWorkedOff(
  store: QueueStore<never>,
  crew: Crew,
  patienceMs?: number,
  name: string = QUEUE,
): Promise<void> {
  await eventually(
    'every task is worked off',
    async () => {
      if (crew.errors.length > 0) return true; // the test says what they are
      const { ready, scheduled, leased } = await countsOf(store, name);
      return ready + scheduled + leased === 0;
    },
    patienceMs,
  );
}

/** When each claim began, by `id epoch`. */
function startTimes({ events }: History): Map<string, number> {
  const started = events.filter(({ type }) => type === 'task.started');
  return new Map(started.map(({ subject, epoch, at }) => [`${subject} ${epoch}`, at]));
}

/** When the process of each worker was killed. */
function killTimes(crew: Crew): Map<string, number> {
  const times = new Map<string, number>();
  for (const { log, killedAt } of crew.members)
    if (killedAt) for (const worker of log.workers) times.set(worker, killedAt.epochMs);
  return times;
}

/** How much of a span of time no process was up, where one comes after the other. */
function downMs(crew: Crew, from: number, to: number): number {
  return crew.members.reduce((sum, { killedAt }, n) => {
    const down = killedAt?.epochMs ?? to;
    const up = crew.members[n + 1]?.log.upAt ?? to;
    return sum + Math.max(0, Math.min(up, to) - Math.max(down, from));
  }, 0);
}

/** What the guide promises at the default settings: a lease of 10 s, a sweep every 2 s, and a poll. */
export const PROMISED_MS = 15_000;
/**
 * How long the tasks of killed processes took to begin again, in milliseconds from the kill: by the store's clock,
 * claims that had not begun yet included.
 *
 * @param options - `whileUp`: where the processes come one after the other, without the times when there was none
 */
export async function recoveryTimes(
  store: QueueStore<never>,
  crew: Crew,
  history: History,
  options: { readonly whileUp?: boolean } = {},
): Promise<number[]> {
  const [started, killed] = [startTimes(history), killTimes(crew)];
  const ids = [...new Set([...history.lapsed.keys()].map((lease) => lease.split(' ')[0] ?? ''))];
  const times: number[] = [];
  for (let at = 0; at < ids.length; at += CHUNK) {
    const filter = { ids: ids.slice(at, at + CHUNK) };
    const records = await store.find(filter, { order: 'oldest', limit: CHUNK });
    for (const { id, history: entries } of records) {
      for (const { worker = '', epoch } of entries.filter(({ kind }) => kind === 'lapsed')) {
        const again = started.get(`${id} ${epoch + 1}`) ?? Number.NaN;
        const from = killed.get(worker) ?? Number.NaN;
        times.push(again - from - (options.whileUp ? downMs(crew, from, again) : 0));
      }
    }
  }
  return times.filter((ms) => !Number.isNaN(ms)); // of processes that were killed
}
