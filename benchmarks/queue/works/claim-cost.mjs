import { startChild } from '../../lib/child.mjs';
import { atMost, format, row } from '../../lib/table.mjs';
import { contenders, hasSubpath } from '../contenders.mjs';
import { emptyPlace, namedDatabase } from '../places.mjs';

// Apart, because it loads the package, which this process builds first.
const CASE = new URL('./claim-cost-case.mjs', import.meta.url).href;

/** A loaded and an empty place on the same server. */
async function twoPlaces(services, contender) {
  if (contender.store === 'postgres') {
    const loaded = await namedDatabase(services, contender, 'bench_loaded');
    return { loaded, empty: await namedDatabase(services, contender, 'bench_empty') };
  }
  const url = await emptyPlace(services, contender);
  return { loaded: `${url}/0`, empty: `${url}/1` };
}

async function measure(context, contender, kind, behind) {
  const params = { store: contender.store, kind, behind };
  const places = await twoPlaces(context.services, contender);
  const child = startChild(CASE, 'claimCase', { ...params, ...places }, { deadlineMs: 300_000 });
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
    const behind = context.size(1_000_000, 20_000);
    const all = [contenders.oursPostgres, ...(hasSubpath('redis') ? [contenders.oursRedis] : [])];
    for (const contender of all) {
      for (const kind of ['scheduled', 'dead', 'blocked']) {
        const samples = await measure(context, contender, kind, behind).catch(context.failed);
        if (samples === undefined) continue;
        rows.push(
          row({
            work: `${TITLES[contender.store]}: exchange that settles and claims ten, ${format(behind)} ${kind} tasks behind`,
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
