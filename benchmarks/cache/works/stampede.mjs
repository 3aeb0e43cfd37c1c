import { runChild, startChild } from '../../lib/child.mjs';
import { interleave } from '../../lib/rounds.mjs';
import { median } from '../../lib/statistics.mjs';
import { atLeast, atMost, row } from '../../lib/table.mjs';
import { adapterOf, contenders } from '../contenders.mjs';
import { customer, keysOf, now, pause } from '../measure.mjs';

const FACTORY_MS = 50;

const open = async (contender, url) => (await adapterOf(contender)).tiered(contender, { url });

/** Callers of one cold key, after a key that warms up everything but that one. */
async function wave(cache, callers) {
  await cache.load('warm', async () => customer(0));
  let calls = 0;
  const factory = async () => {
    calls++;
    await pause(FACTORY_MS);
    return customer(1);
  };
  return async () => {
    const start = now();
    const all = await Promise.all(
      Array.from({ length: callers }, () => cache.load('cold', factory)),
    );
    if (all.some(({ id }) => id !== 1)) throw new Error('a wrong value');
    return { calls, ms: now() - start };
  };
}

export async function oneProcessCase({ contender, url, callers }) {
  const cache = await open(contender, url);
  const result = await (await wave(cache, callers))();
  await cache.close();
  return result;
}

/** One of several processes: says that it is ready, and begins when it is told to. */
export async function waveProcess({ contender, url, callers }, channel) {
  const cache = await open(contender, url);
  const run = await wave(cache, callers);
  channel.send('ready');
  await channel.next();
  const result = await run();
  await cache.close();
  return result;
}

async function manyProcesses(params, processes) {
  const children = Array.from({ length: processes }, () =>
    startChild(import.meta.url, 'waveProcess', params),
  );
  for (const child of children) await child.next();
  for (const child of children) child.send('go');
  const results = await Promise.all(children.map(({ result }) => result));
  return {
    calls: results.reduce((sum, { calls }) => sum + calls, 0),
    ms: Math.max(...results.map(({ ms }) => ms)),
  };
}

async function emptied(context) {
  const { Redis } = await import('ioredis');
  const url = context.services.redis.stock;
  const client = new Redis(url);
  await client.flushall();
  client.disconnect();
  return url;
}

/** Rows of one wave: how often the factory ran, and how long the callers waited. */
function waveRows(work, samples) {
  const [ours, theirs] = samples;
  const of = (list, what) => list.map((sample) => sample[what]);
  const once = ours.map(() => 1);
  const alone = ours.map(() => FACTORY_MS);
  return [
    row({
      work: `${work}: factory calls`,
      unit: 'calls',
      ours: of(ours, 'calls'),
      rival: once,
      rivalName: 'once',
      target: atMost(1),
    }),
    row({
      work: `${work}: factory calls`,
      unit: 'calls',
      ours: of(ours, 'calls'),
      rival: of(theirs, 'calls'),
      rivalName: contenders.bentocache.label,
    }),
    row({
      work: `${work}: until all have the value`,
      unit: 'ms',
      ours: of(ours, 'ms'),
      rival: alone,
      rivalName: 'the factory alone',
      target: atMost(1.2),
    }),
    row({
      work: `${work}: until all have the value`,
      unit: 'ms',
      ours: of(ours, 'ms'),
      rival: of(theirs, 'ms'),
      rivalName: contenders.bentocache.label,
    }),
  ];
}

async function stampedeWork(context) {
  const list = [contenders.ours, contenders.bentocache];
  const inProcess = await interleave(
    context,
    list,
    async (contender) => {
      const url = await emptied(context);
      return runChild(import.meta.url, 'oneProcessCase', { contender, url, callers: 1_000 });
    },
    'one process, ',
  );
  const across = await interleave(
    context,
    list,
    async (contender) => {
      const url = await emptied(context);
      return manyProcesses({ contender, url, callers: 250 }, 4);
    },
    'four processes, ',
  );
  return {
    rows: [
      ...waveRows('1,000 callers of one cold key, with Redis', inProcess),
      ...waveRows('1,000 callers of one cold key in 4 processes', across),
    ],
  };
}

/** Many cold keys, three callers each: the median of five waves, after two that warm up. */
export async function coldKeysCase({ contender, url, count }) {
  const cache = await open(contender, url);
  const run = async (name) => {
    const keys = keysOf(count).map((key) => `${name}:${key}`);
    let calls = 0;
    const factory = async () => {
      calls++;
      return customer(1);
    };
    const start = now();
    await Promise.all(keys.flatMap((key) => [1, 2, 3].map(() => cache.load(key, factory))));
    const ms = now() - start;
    if (calls !== count) throw new Error(`${calls} factory calls for ${count} keys`);
    return ms;
  };
  const waves = [];
  for (let i = 0; i < 7; i++) waves.push(await run(`wave${i}`));
  await cache.close();
  return median(waves.slice(2));
}

async function coldKeysWork(context) {
  const list = [contenders.ours, contenders.bentocache];
  const [ours, rival] = await interleave(context, list, async (contender) => {
    const url = await emptied(context);
    return runChild(import.meta.url, 'coldKeysCase', { contender, url, count: 1_000 });
  });
  const speed = (samples) => samples.map((ms) => 1_000 / ms);
  return {
    rows: [
      row({
        work: '1,000 cold keys, 3 callers each, with Redis',
        unit: 'thousand keys/s',
        ours: speed(ours),
        rival: speed(rival),
        rivalName: contenders.bentocache.label,
        target: atLeast(2),
      }),
    ],
  };
}

export const stampedeWorks = [
  { name: 'stampede', title: '1,000 callers of one cold key', run: stampedeWork },
  { name: 'cold-keys', title: '1,000 cold keys, three callers each', run: coldKeysWork },
];
