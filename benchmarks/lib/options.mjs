import { parseArgs } from 'node:util';

/** Something is wrong with the command line. */
export class UsageError extends Error {}

const USAGE = `npm run bench -- <package> [options]

  --only <names>   only works whose name contains one of these, separated by commas; RESULTS.md stays as it is
  --update         with --only: puts these works into the RESULTS.md of the last full run
  --quick          small sizes, one round, under two minutes: a first look; RESULTS.md stays as it is
  --rounds <n>     how often everything is measured (5)
  --json           the rows as JSON on stdout
  --no-build       measures what was built before
  --report         writes RESULTS.md of the last full run again, without measuring`;

const DEFINITION = {
  only: { type: 'string' },
  quick: { type: 'boolean', default: false },
  rounds: { type: 'string' },
  json: { type: 'boolean', default: false },
  update: { type: 'boolean', default: false },
  report: { type: 'boolean', default: false },
  build: { type: 'boolean', default: true },
};

/** Reads the command line. */
export function readOptions(args, suites) {
  let parsed;
  try {
    parsed = parseArgs({ args, options: DEFINITION, allowPositionals: true, allowNegative: true });
  } catch (error) {
    throw new UsageError(`${error.message}\n\n${USAGE}`);
  }
  const { values, positionals } = parsed;
  const [suite] = positionals;
  if (positionals.length !== 1 || !suites.includes(suite)) {
    throw new UsageError(`Expected one of: ${suites.join(', ')}\n\n${USAGE}`);
  }
  if (values.update && (values.quick || values.only === undefined)) {
    throw new UsageError('Expected --update with --only, and without --quick');
  }
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 5));
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new UsageError(`Expected --rounds to be an integer from 1, got ${values.rounds}`);
  }
  return { ...values, suite, rounds, records: !values.quick && values.only === undefined };
}

/** The works that `--only` asks for. */
export function chooseWorks(works, only) {
  if (only === undefined) return works;
  const parts = only.split(',').map((part) => part.trim());
  const chosen = works.filter(({ name }) => parts.some((part) => name.includes(part)));
  if (chosen.length > 0) return chosen;
  throw new UsageError(
    `Expected --only to name some of: ${works.map(({ name }) => name).join(', ')}`,
  );
}
