// A worker process that also does to its queues whatever comes to its mind, until it reads `quiet`.
import {
  createQueue,
  createWorker,
  defineTask,
  handle,
  UnrecoverableError,
  type Worker,
} from '../../../src/index.js';
import { type Address, openStore } from '../support/address.js';
import {
  CAPPED,
  FREE,
  GROUP_RATED,
  KEYED,
  MAIN,
  OF_RATED,
  RATED,
  strictOf,
} from '../support/rules.js';

const options = JSON.parse(process.argv[2] ?? '') as {
  readonly address: Address;
  readonly number: number;
  readonly lease: number;
  readonly most: number;
};
const say = (...words: unknown[]): void => void process.stdout.write(`${words.join(' ')}\n`);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const upTo = (count: number): number => Math.floor(Math.random() * count);
const any = <T>(items: readonly T[]): T => items[upTo(items.length)] as T;

const { store, close } = await openStore(options.address);
const retry = { attempts: 4, initial: 20, jitter: 0 };
const queue = createQueue(MAIN, { store, retry });
const rated = createQueue(RATED, { store, retry });
for (const { on } of [queue, rated].map((one) => ({ on: one.on.bind(one) }))) {
  on('task.completed', ({ subject }) => say('done', subject, process.hrtime.bigint()));
  on('task.lost', ({ subject, data }) => say('lost', subject, data.epoch));
}
const strict = strictOf(options.number);
// Any process may get a task of any strict group.
const strictNames = Array.from({ length: options.most }, (_, n) => strictOf(n));
const names = [...CAPPED, ...KEYED, GROUP_RATED, FREE, OF_RATED, ...strictNames];
const tasks = new Map(names.map((name) => [name, defineTask(name)]));

async function run(id: string, epoch: number, name: string): Promise<void> {
  say('begin', id, epoch, process.hrtime.bigint(), name);
  try {
    await pause(upTo(60));
    if (Math.random() < 0.08) throw new Error('not this time');
    if (Math.random() < 0.02) throw new UnrecoverableError('never');
  } finally {
    say('end', id, epoch, process.hrtime.bigint());
  }
}

const handlers = [...tasks.values()].map((task) =>
  handle(task, (_, { id, epoch, name }) => run(id, epoch, name)),
);
let worker: Worker;
async function startWorker(): Promise<void> {
  worker = createWorker([queue, rated], handlers, { lease: options.lease, sweepInterval: 500 });
  say('up', worker.id);
  await worker.start();
}

const seen: string[] = [];
function taskOf(name: string) {
  const task = tasks.get(name);
  if (task === undefined) throw new Error(`no task ${name}`);
  return task;
}

async function add(name: string, count: number): Promise<void> {
  const [stats] = await store.stats([MAIN]);
  if (stats !== undefined && stats.counts.ready + stats.counts.scheduled > 300) return;
  const isKeyed = KEYED.includes(name);
  const isGrouped = CAPPED.includes(name) || name === GROUP_RATED;
  const items = Array.from({ length: isKeyed ? 1 : count }, (_, n) => ({
    task: taskOf(name),
    payload: { n },
    ...(isGrouped ? { group: name } : {}),
    ...(name === strict ? { group: { key: name, strict: 'skip' as const } } : {}),
    ...(isKeyed
      ? {
          idempotencyKey: name,
          idempotencyWindow: 'live' as const,
          onDuplicate: any(['ignore', 'replace', 'merge'] as const),
        }
      : {}),
    ...(name !== strict && Math.random() < 0.2 ? { delay: upTo(400) } : {}),
    ...(name === FREE ? { priority: upTo(3) } : {}),
  }));
  const made = await (name === OF_RATED ? rated : queue).enqueueMany(items);
  for (const { id, outcome } of made) if (outcome === 'added') seen.push(id);
}

const RANDOM_NAMES = [...CAPPED, ...CAPPED, GROUP_RATED, FREE, OF_RATED, ...KEYED];
const acts: readonly (() => Promise<unknown>)[] = [
  ...Array.from({ length: 8 }, () => () => add(any(RANDOM_NAMES), 1 + upTo(6))),
  ...Array.from({ length: 3 }, () => () => add(strict, 1 + upTo(3))),
  () => store.alter({ ids: [any(seen) ?? ''] }, { kind: 'cancel', running: true }, 1),
  () =>
    store.alter({ queue: MAIN, name: any([FREE, ...CAPPED, ...KEYED]) }, { kind: 'redrive' }, 3),
  async () => store.edit?.({ queue: MAIN, name: FREE }, { kind: 'reprioritise', priority: 1 }, 5),
  async () => store.edit?.({ queue: MAIN, name: any(CAPPED) }, { kind: 'promote' }, 3),
  async () => {
    if (Math.random() < 0.8) return;
    await store.control(MAIN, { paused: true });
    await pause(upTo(60));
    await store.control(MAIN, { paused: false });
  },
  async () => {
    if (Math.random() < 0.8) return;
    await worker.close({ deadline: upTo(200) });
    await startWorker();
  },
];

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
while (mood === 'lively') {
  try {
    await any(acts)();
  } catch (error) {
    say('error', String(error).replaceAll('\n', ' '));
  }
  await pause(upTo(30));
}
