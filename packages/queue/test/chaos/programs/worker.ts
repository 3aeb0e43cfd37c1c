// A worker process that works off tasks until it is killed, or its input is closed.
import { createQueue, createWorker, defineTask, handle } from '../../../src/index.js';
import { type Address, openStore } from '../support/address.js';

interface Options {
  readonly address: Address;
  /** Milliseconds. @defaultValue the worker's */
  readonly lease?: number;
  /** Ends by itself when no task is left: where nobody else can look into the store. */
  readonly untilDone?: boolean;
}

const { address, lease, untilDone } = JSON.parse(process.argv[2] ?? '') as Options;
const say = (...words: unknown[]): void => void process.stdout.write(`${words.join(' ')}\n`);

const { store, close } = await openStore(address);
const queue = createQueue('q', { store });
queue.on('task.completed', ({ subject }) => say('done', subject, process.hrtime.bigint()));
queue.on('task.lost', ({ subject, data }) => say('lost', subject, data.epoch));
const handler = handle(defineTask('t'), async (ms, { id, epoch, name }) => {
  say('begin', id, epoch, process.hrtime.bigint(), name);
  await new Promise((resolve) => setTimeout(resolve, Number(ms)));
  say('end', id, epoch, process.hrtime.bigint());
});
const worker = createWorker(queue, [handler], lease === undefined ? {} : { lease });

async function start(): Promise<void> {
  // A store that is down for a moment is not the end of a worker that starts just then.
  for (let attempt = 0; ; attempt++) {
    try {
      return await worker.start();
    } catch (error) {
      if (attempt === 40) throw error;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}

async function end(): Promise<void> {
  const { unsettled } = await worker.close();
  if (unsettled > 0) say('error', unsettled, 'outcomes were not told to the store');
  await close();
  process.exit();
}

process.stdin.resume().once('end', () => void end());
say('up', worker.id);
await start();
while (untilDone) {
  await new Promise((resolve) => setTimeout(resolve, 100));
  const counts = (await store.stats(['q']))[0]?.counts;
  if (counts && counts.ready + counts.scheduled + counts.leased === 0) await end();
}
