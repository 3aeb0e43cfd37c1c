import { runChild } from '../../lib/child.mjs';
import { interleave } from '../../lib/rounds.mjs';
import { atLeast, atMost, range, row } from '../../lib/table.mjs';
import { adapterOf, contenders } from '../contenders.mjs';
import { cpuPerStep, customer, keysOf, orderOf } from '../measure.mjs';

const ENTRIES = 10_000;

/** Nanoseconds of processor time that one read of an entry in memory takes. */
export async function hitCase({ contender, kind, reads, tags }) {
  const adapter = await adapterOf(contender);
  const cache = await adapter.l1(contender, { maxEntries: ENTRIES, tags });
  const keys = keysOf(ENTRIES);
  for (const [i, key] of keys.entries()) await cache.set(key, customer(i));
  const order = orderOf(keys, reads);
  const cost = await cpuPerStep(reads, () => cache[kind](order));
  await cache.close();
  return cost;
}

/** The least that awaiting can cost: promises that are resolved already. */
export async function awaitCase({ reads }) {
  const promises = Array.from({ length: ENTRIES }, (_, i) => Promise.resolve(customer(i)));
  const order = orderOf(promises, reads);
  return cpuPerStep(reads, async () => {
    let sum = 0;
    for (let i = 0; i < order.length; i++) sum += (await order[i]).id;
    return sum;
  });
}

const measureHit = (params) => runChild(import.meta.url, 'hitCase', params);

async function syncWork(context) {
  const reads = context.size(500_000, 100_000);
  const list = [contenders.ours, contenders.lruCache];
  const [ours, rival] = await interleave(context, list, (contender) =>
    measureHit({ contender, kind: 'sync', reads }),
  );
  const work = 'L1 hit, synchronous read';
  return {
    rows: [
      row({ work, unit: 'ns', ours, rival, rivalName: 'lru-cache with ttl', target: atMost(1.1) }),
    ],
  };
}

const perSecond = (samples) => samples.map((ns) => 1_000 / ns);

/** `share`: of the reads, for those that would take minutes. */
const RIVALS = [
  { contender: contenders.bentocache, target: atLeast(8) },
  { contender: contenders.cacheable, target: atLeast(25), share: 0.2 },
  { contender: contenders.cacheManager, target: atLeast(10), share: 0.2 },
  { contender: contenders.layeredLoader, target: atLeast(1.3) },
  { contender: { ...contenders.lruCache, label: 'an async function over lru-cache' } },
];

async function awaitedWork(context) {
  const reads = context.size(200_000, 40_000);
  const list = [{ contender: contenders.ours }, ...RIVALS, {}];
  const samples = await interleave(context, list, ({ contender, share = 1 }) =>
    contender === undefined
      ? runChild(import.meta.url, 'awaitCase', { reads })
      : measureHit({ contender, kind: 'awaited', reads: reads * share }),
  );
  const [ours] = samples;
  const rows = RIVALS.map(({ contender, target }, i) =>
    row({
      work: 'L1 hit, await getOrSet',
      unit: 'M/s',
      ours: perSecond(ours),
      rival: perSecond(samples[i + 1]),
      rivalName: contender.label,
      target,
    }),
  );
  const limit = range(perSecond(samples.at(-1)));
  return { rows, reference: [{ what: 'await of resolved promises', value: `${limit} M/s` }] };
}

async function taggedWork(context) {
  const reads = context.size(200_000, 40_000);
  const tags = ['tenant:1', 'kind:customer'];
  const list = [
    { contender: contenders.ours, kind: 'sync', tags },
    { contender: contenders.ours, kind: 'sync' },
    { contender: contenders.ours, kind: 'awaited', tags },
    { contender: contenders.ours, kind: 'awaited' },
    { contender: contenders.bentocache, kind: 'awaited', tags },
  ];
  const [sync, plainSync, tagged, plain, theirs] = await interleave(context, list, (params) =>
    measureHit({ ...params, reads }),
  );
  const own = { unit: 'ns', rivalName: 'Holdfast without tags', target: atMost(1.3) };
  return {
    rows: [
      row({ work: 'L1 hit with two tags, synchronous', ours: sync, rival: plainSync, ...own }),
      row({ work: 'L1 hit with two tags, await getOrSet', ours: tagged, rival: plain, ...own }),
      row({
        work: 'L1 hit with two tags, await getOrSet',
        unit: 'M/s',
        ours: perSecond(tagged),
        rival: perSecond(theirs),
        rivalName: contenders.bentocache.label,
      }),
    ],
  };
}

export const l1Works = [
  { name: 'l1-sync', title: 'L1: a hit read synchronously', run: syncWork },
  { name: 'l1-awaited', title: 'L1: a hit through await getOrSet', run: awaitedWork },
  { name: 'l1-tags', title: 'L1: a hit with two tags', run: taggedWork },
];
