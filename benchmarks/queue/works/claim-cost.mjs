import { createWorker, defineTask, handle, UnrecoverableError } from '@holdfast/queue';
import { startChild } from '../../lib/child.mjs';
import { median } from '../../lib/statistics.mjs';
import { atMost, row } from '../../lib/table.mjs';
import { openStore, queueOf } from '../adapters/holdfast.mjs';
import { contenders, hasSubpath } from '../contenders.mjs';
import { inPieces, now } from '../measure.mjs';
import { emptyPlace, namedDatabase } from '../places.mjs';

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

/** A loaded and an empty place on the same server. */
async function twoPlaces(services, contender) {
  if (contender.store === 'postgres') {
    const loaded = await namedDatabase(services, contender, 'bench_loaded');
    return { loaded, empty: await namedDatabase(services, contender, 'bench_empty') };
  }
  const url = await emptyPlace(services, contender);
  return { loaded: `${url}/0`, empty: `${url}/1` };
}

async function measure(context, contender, kind) {
  const behind = context.size(1_000_000, 20_000);
  const params = { store: contender.store, kind, behind };
  const places = await twoPlaces(context.services, contender);
  const child = startChild(
    import.meta.url,
    'claimCase',
    { ...params, ...places },
    { deadlineMs: 900_000 },
  );
  const begun = await Promise.race([child.next(), child.result]);
  if (begun === null) return undefined; // the store has no groups yet
  context.progress(`${contender.store}: ${behind} ${kind} tasks are there`);
  const samples = { loaded: [], empty: [] };
  for (let round = 0; round < context.rounds; round++) {
    const turns = round % 2 === 0 ? ['loaded', 'empty'] : ['empty', 'loaded'];
    for (const which of turns) {
      child.send(which);
      samples[which].push(await child.next());
    }
  }
  child.send('stop');
  await child.result;
  return samples;
}

const TITLES = { redis: 'Redis', postgres: 'PostgreSQL' };

export const claimCostWork = {
  name: 'claim-cost',
  title: 'What a claim costs with 1,000,000 tasks behind that cannot run',
  async run(context) {
    const rows = [];
    const all = [contenders.oursPostgres, ...(hasSubpath('redis') ? [contenders.oursRedis] : [])];
    for (const contender of all) {
      for (const kind of ['scheduled', 'dead', 'blocked']) {
        const samples = await measure(context, contender, kind);
        if (samples === undefined) continue;
        rows.push(
          row({
            work: `${TITLES[contender.store]}: exchange that settles and claims ten, 1,000,000 ${kind} tasks behind`,
            unit: 'ms',
            ours: samples.loaded,
            rival: samples.empty,
            rivalName: 'Holdfast, nothing behind',
            target: atMost(2),
          }),
        );
      }
    }
    return { rows };
  },
};
