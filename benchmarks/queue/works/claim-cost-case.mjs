import { createWorker, defineTask, handle, UnrecoverableError } from '@holdfast/queue';
import { median } from '../../lib/statistics.mjs';
import { openStore, queueOf } from '../adapters/holdfast.mjs';
import { inPieces, now } from '../measure.mjs';

const PIECE = 2_000;
const CLAIM = 10;
const EXCHANGES = 200;
const work = defineTask('noop');

const enqueue = (queue, count, options = {}) =>
  inPieces(count, PIECE, (payloads) =>
    queue.enqueueMany(payloads.map((payload) => ({ task: work, payload, ...options }))),
  );

/** What lies behind the ready tasks. */
const BEHIND = {
  scheduled: (queue, count) => enqueue(queue, count, { delay: '1d' }),
  async dead(queue, count) {
    let dead = 0;
    const all = new Promise((resolve) => {
      queue.on('task.dead', () => {
        if (++dead === count) resolve();
      });
    });
    const fail = () => {
      throw new UnrecoverableError('never');
    };
    const worker = createWorker(queue, [handle(work, fail)], { concurrency: 1_000 });
    await worker.start();
    await enqueue(queue, count);
    await all;
    await worker.close();
  },
  /** All of one group, of which one task may run: it is leased by somebody for as long as this takes. */
  async blocked(queue, count) {
    const { store } = queue;
    await store.control(queue.name, { groups: { busy: { concurrency: 1 } } });
    await enqueue(queue, count, { group: 'busy' });
    const leaseMs = 3_600_000;
    const claim = { queues: [queue.name], limit: 1 };
    const { claimed } = await store.exchange({
      worker: 'holder',
      settle: [],
      extend: [],
      claim,
      leaseMs,
    });
    if (claimed.length !== 1) throw new Error('the group has no task to hold');
  },
};

/** Milliseconds of each exchange that settles ten tasks and claims ten, while there are ready ones. */
async function exchanges(queue) {
  await enqueue(queue, CLAIM * EXCHANGES);
  const times = [];
  let settle = [];
  let claimedInAll = 0;
  for (;;) {
    const start = now();
    const claim = { queues: [queue.name], limit: CLAIM };
    const { claimed } = await queue.store.exchange({
      worker: 'claimer',
      settle,
      extend: [],
      claim,
      leaseMs: 60_000,
    });
    if (claimed.length === CLAIM) times.push(now() - start);
    claimedInAll += claimed.length;
    settle = claimed.map(({ id, epoch }) => ({ id, epoch, outcome: 'completed', result: null }));
    if (claimed.length === 0) break;
  }
  if (claimedInAll !== CLAIM * EXCHANGES) throw new Error(`${claimedInAll} tasks were claimed`);
  return median(times);
}

/** Fills one place, then measures both, in turns, whenever it is told to. */
export async function claimCase({ store, kind, loaded, empty, behind }, channel) {
  const places = await Promise.all([loaded, empty].map((url) => openStore(store, url)));
  const [full, bare] = places.map((place) => queueOf(place.store));
  const supported = kind !== 'blocked' || full.store.traits.features?.includes('groups');
  if (!supported) return null;
  await BEHIND[kind](full, behind);
  await exchanges(full); // both have their connections and statements
  await exchanges(bare);
  channel.send('ready');
  for (;;) {
    const order = await channel.next();
    if (order === 'stop') break;
    channel.send(await exchanges(order === 'loaded' ? full : bare));
  }
  for (const place of places) await place.close();
  return true;
}
