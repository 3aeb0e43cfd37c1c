import {
  type AnyHandler,
  createQueue,
  createWorker,
  defineTask,
  handle,
  memoryStore,
  type QueueStore,
  type RetryPolicy,
  type TaskContext,
  type Worker,
  type WorkerOptions,
} from '../../src/index.js';
import { Kit, type VirtualClock, virtualClock } from '../../src/testing.js';

/** The task that the tests run. */
export const task = defineTask('t');

type Handler = (payload: unknown, context: TaskContext) => unknown;

/** A queue and a worker under one virtual clock. */
export async function setUp(
  handler: Handler | readonly AnyHandler[],
  options: WorkerOptions & {
    retry?: RetryPolicy;
    wrap?: (store: QueueStore) => QueueStore;
    start?: boolean;
    queue?: string;
  } = {},
) {
  const { retry, wrap, start, queue: name = 'q', ...rest } = options;
  const clock = virtualClock();
  const memory = memoryStore({ clock });
  const store = wrap?.(memory) ?? memory;
  const queue = createQueue(name, { store, ...(retry === undefined ? {} : { retry }) });
  const kit = new Kit({
    store: memory,
    advance: (ms) => clock.advance(ms),
    close: () => memory.close(),
  });
  const handlers = typeof handler === 'function' ? [handle(task, handler)] : handler;
  const worker = createWorker(queue, handlers, { clock, ...rest });
  const state = async (id: string) => (await kit.get(id))?.state;
  if (start !== false) await worker.start();
  return { clock, kit, queue, store, worker, state };
}

/** Closes a worker whose clock must be moved for it. */
export async function closed(worker: Worker, clock: VirtualClock, deadline = 1_000) {
  const report = worker.close({ deadline });
  for (let i = 0; i < 20; i++) await clock.advance(500);
  return report;
}

/** Waits on a virtual clock. */
export function after(clock: VirtualClock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.setTimeout(resolve, ms));
}

/** Waits, in real time, until something holds. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 20_000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error('it never came to hold');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
