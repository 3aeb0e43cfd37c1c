import { defineTask } from '@holdfast/queue';
import { median } from '../../lib/statistics.mjs';
import { openStore, queueOf } from '../adapters/holdfast.mjs';
import { inPieces, now } from '../measure.mjs';
import { untilVacuumed } from '../postgres.mjs';

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
    await enqueue(queue, count);
    await claimAll(queue, 1_000, ({ id, epoch, attempt }) => {
      const entry = { kind: 'error', at: Date.now(), attempt, epoch, message: 'never' };
      return { id, epoch, outcome: 'dead', entry };
    });
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

/** Claims and settles until nothing is ready; milliseconds of each exchange that did both in full, and how many. */
async function claimAll(queue, limit, settlementOf) {
  const times = [];
  let settle = [];
  let count = 0;
  for (;;) {
    const start = now();
    const claim = { queues: [queue.name], limit };
    const request = { worker: 'claimer', settle, extend: [], claim, leaseMs: 60_000 };
    const { claimed } = await queue.store.exchange(request);
    if (claimed.length === limit && settle.length === limit) times.push(now() - start);
    if (claimed.length === 0) return { times, count };
    count += claimed.length;
    settle = claimed.map(settlementOf);
  }
}

/** Milliseconds, in the middle, of exchanges that settle ten tasks and claim ten. */
async function exchanges(queue) {
  await enqueue(queue, CLAIM * EXCHANGES);
  const complete = ({ id, epoch }) => ({ id, epoch, outcome: 'completed', result: null });
  const { times, count } = await claimAll(queue, CLAIM, complete);
  if (count !== CLAIM * EXCHANGES) throw new Error(`${count} tasks were claimed`);
  return median(times);
}

/** Fills one place, then measures both, in turns, whenever it is told to. */
export async function claimCase({ store, kind, loaded, empty, behind }, channel) {
  const places = await Promise.all([loaded, empty].map((url) => openStore(store, url)));
  const [full, bare] = places.map((place) => queueOf(place.store));
  const supported = kind !== 'blocked' || full.store.traits.features?.includes('groups');
  if (!supported) return null;
  await BEHIND[kind](full, behind);
  // They are to lie there, not to have just come.
  if (store === 'postgres') await untilVacuumed(loaded);
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
