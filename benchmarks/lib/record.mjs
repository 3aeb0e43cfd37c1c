import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { commit, report } from './report.mjs';

/** What a suite gave, so that its report can be written again, or works of it measured again. */
const fileOf = (name) => new URL(`../.data/${name}.json`, import.meta.url);

const read = (name) => JSON.parse(readFileSync(fileOf(name), 'utf8'));

function write(name, facts) {
  const plain = (_, value) =>
    value instanceof Error ? { message: value.message, run: value.run, work: value.work } : value;
  mkdirSync(new URL('.', fileOf(name)), { recursive: true });
  writeFileSync(fileOf(name), JSON.stringify(facts, plain));
}

/** Keeps a full run. */
export function keepRun(name, { start, results, failures, ...rest }) {
  const minutes = Math.round((Date.now() - start.getTime()) / 60_000);
  const at = start.toISOString();
  write(name, { ...rest, start: at, commit: commit(), minutes, results, failures });
}

/** Puts newer results into the full run that was kept; each says when it was measured. */
export function keepWorks(name, suite, { start, rounds, results, failures }) {
  const run = read(name);
  const at = start.toISOString();
  const newer = results.map((result) => ({ ...result, at, rounds, commit: commit() }));
  const all = new Map([...run.results, ...newer].map((result) => [result.work.name, result]));
  const again = new Set(newer.map(({ work }) => work.name));
  write(name, {
    ...run,
    results: suite.works.map(({ name: work }) => all.get(work)).filter(Boolean),
    failures: [...run.failures.filter(({ work }) => !again.has(work)), ...failures],
  });
}

/** Writes RESULTS.md from what was kept. */
export function writeReport(name, suite) {
  const file = new URL(`../${name}/RESULTS.md`, import.meta.url);
  writeFileSync(file, report(suite, name, read(name)));
  console.error(`\nwritten: benchmarks/${name}/RESULTS.md`);
}
