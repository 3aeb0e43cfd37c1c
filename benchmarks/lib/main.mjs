import { readdirSync, statSync } from 'node:fs';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { build } from './build.mjs';
import { chooseWorks, readOptions, UsageError } from './options.mjs';
import { keepRun, keepWorks, writeReport } from './record.mjs';
import { startServices } from './services.mjs';
import { printRows } from './table.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Folders that hold a suite. */
function suites() {
  return readdirSync(root).filter((name) =>
    statSync(new URL(`../${name}/index.mjs`, import.meta.url), { throwIfNoEntry: false }),
  );
}

/**
 * Runs the works one after another; one that fails is told, and the others still run. SIGTERM leaves the rest out.
 */
async function runWorks(works, context) {
  const results = [];
  let stopped = false;
  process.once('SIGTERM', () => {
    stopped = true;
    console.error('  stopping after this work');
  });
  for (const work of works) {
    if (stopped) {
      results.push({ work, rows: [], reference: [], error: new Error('the run was stopped') });
      continue;
    }
    const start = Date.now();
    context.work = work.name;
    console.error(`\n${work.name}: ${work.title}`);
    try {
      const { rows = [], reference = [] } = (await work.run(context)) ?? {};
      results.push({ work, rows, reference });
      for (const row of rows) console.error(`  ${row.line}`);
      for (const { what, value } of reference) console.error(`  ${what}: ${value}`);
    } catch (error) {
      results.push({ work, rows: [], reference: [], error });
      console.error(`  not measured: ${error.stack ?? error}`);
    }
    console.error(`  (${Math.round((Date.now() - start) / 1_000)} s)`);
  }
  return results;
}

async function main() {
  const options = readOptions(process.argv.slice(2), suites());
  const { suite } = await import(`../${options.suite}/index.mjs`);
  if (options.report) {
    writeReport(options.suite, suite);
    return 0;
  }
  const works = chooseWorks(suite.works, options.only);
  if (options.build) build(suite.packages);

  const start = new Date();
  const [load] = loadavg();
  const services = await startServices(suite.services);
  const failures = [];
  try {
    const context = {
      rounds: options.rounds,
      /** The first in a full run, the second with --quick. */
      size: (full, quick) => (options.quick ? quick : full),
      services,
      progress: (text) => console.error(`  ${text}`),
      /** Told of runs that gave no figure. */
      failed(error) {
        failures.push(Object.assign(error, { work: context.work }));
        console.error(`  a run failed: ${error.message}`);
      },
    };
    const offered = works.filter((work) => work.available?.(context) ?? true);
    await suite.prepare?.(context);
    const results = await runWorks(offered, context);
    const rows = results.flatMap((result) => result.rows);
    if (options.json) console.log(JSON.stringify(rows.map(({ json }) => json)));
    else printRows(rows);
    const run = {
      start,
      load,
      rounds: options.rounds,
      services: services.facts,
      results,
      failures,
    };
    if (options.update) keepWorks(options.suite, suite, run);
    else if (options.records) keepRun(options.suite, run);
    if (options.update || options.records) writeReport(options.suite, suite);
    return failures.length === 0 && results.every(({ error }) => error === undefined) ? 0 : 1;
  } finally {
    await services.stop();
  }
}

try {
  process.exit(await main());
} catch (error) {
  console.error(error instanceof UsageError ? error.message : error);
  process.exit(1);
}
