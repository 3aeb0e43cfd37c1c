// A worker process that also does to its queues whatever comes to its mind, until it reads `quiet`.
import {
  type AnyHandler,
  createQueue,
  createWorker,
  defineTask,
  handle,
  handleBatch,
  isQueueError,
  type TaskContext,
  UnrecoverableError,
  type Worker,
} from '../../../src/index.js';
import { openStore } from '../support/address.js';
import {
  BATCHED,
  CALM_PARENT,
  CAPPED,
  CHILD,
  FREE,
  GATHER,
  GROUP_RATED,
  HELD,
  KEYED,
  MAIN,
  OF_RATED,
  PARENT,
  RATED,
  SIDE,
  STRICT,
  TICK,
  WAITING,
  WEIGHTED,
  WINDOWED,
} from '../support/rules.js';
import { actsOf } from './random/acts.js';
import { any, pause, type RandomOptions, say, upTo } from './random/parts.js';

const options = JSON.parse(process.argv[2] ?? '') as RandomOptions;
const { store, close } = await openStore(options.address);
const retry = { attempts: 4, initial: 20, jitter: 0 };
const main = createQueue(MAIN, { store, retry });
const rated = createQueue(RATED, { store, retry });
const side = createQueue(SIDE, { store, retry });
const queues = [main, rated, side];
for (const queue of queues) {
  queue.on('task.completed', ({ subject }) => say('done', subject, process.hrtime.bigint()));
  queue.on('task.lost', ({ subject, data }) => say('lost', subject, data.epoch));
}
const names = [
  ...[
    ...CAPPED,
    ...KEYED,
    ...WINDOWED,
    ...WAITING,
    GATHER,
    GROUP_RATED,
    FREE,
    OF_RATED,
    BATCHED,
    WEIGHTED,
  ],
  ...[CHILD, PARENT, CALM_PARENT, TICK, STRICT, HELD],
];
const tasks = new Map(names.map((name) => [name, defineTask<unknown>(name)]));
function task(name: string) {
  const found = tasks.get(name);
  if (found === undefined) throw new Error(`no task ${name}`);
  return found;
}

async function run({ id, epoch, name }: TaskContext): Promise<void> {
  say('begin', id, epoch, process.hrtime.bigint(), name);
  try {
    await pause(upTo(60));
    if (Math.random() < 0.08) throw new Error('not this time');
    if (Math.random() < 0.02) throw new UnrecoverableError('never');
  } finally {
    say('end', id, epoch, process.hrtime.bigint());
  }
}

const handlers: AnyHandler[] = [...tasks.values()].map((made) =>
  made.name === BATCHED
    ? handleBatch(made, (items) => Promise.allSettled(items.map(({ context }) => run(context))), {
        size: 5,
      })
    : handle(made, (_, context) => run(context)),
);

/** Of a store that cannot be reached now and then, it may be said so. */
function isExpected(error: unknown): boolean {
  return options.faulty === true && isQueueError(error) && error.code === 'QUEUE_STORE_UNAVAILABLE';
}

let worker: Worker;
async function startWorker(): Promise<void> {
  while (true) {
    worker = createWorker(queues, handlers, { lease: options.lease, sweepInterval: 500 });
    say('up', worker.id);
    try {
      return await worker.start();
    } catch (error) {
      if (!isExpected(error)) throw error;
      await worker.close({ deadline: 0 });
      await pause(upTo(30)); // else it would hear of nothing, should each attempt be refused at once
    }
  }
}

let mood: 'lively' | 'quiet' = 'lively';
process.stdin.on('data', () => {
  mood = 'quiet';
});
const started = startWorker();
process.stdin.once('end', async () => {
  await started;
  await worker.close();
  await close();
  process.exit();
});
await started;
const acts = [
  ...actsOf({ number: options.number, store, main, rated, task }),
  async () => {
    if (Math.random() < 0.8) return;
    await worker.close({ deadline: upTo(200) });
    await startWorker();
  },
];
while (mood === 'lively') {
  try {
    await any(acts)();
  } catch (error) {
    if (!isExpected(error)) say('error', String(error).replaceAll('\n', ' '));
  }
  await pause(upTo(30));
}
say('still');
