import { parseArgs } from 'node:util';

/** What the demo was asked to do. */
export interface DemoOptions {
  /** A CSV file; the bundled sample otherwise. */
  readonly file: string | undefined;
  /** Messages a second; 0 is as fast as it goes. */
  readonly rate: number;
  /** At most so many messages. */
  readonly limit: number;
  /** A running server; otherwise the demo starts one. */
  readonly url: string | undefined;
  /** That server's webhook secret. */
  readonly secret: string | undefined;
  /** That server's API key, when it wants one. */
  readonly apiKey: string | undefined;
  /** Requests in flight. */
  readonly concurrency: number;
  /** Share of webhooks whose first attempt is refused with 503. */
  readonly flaky: number;
  /** Longest time without any progress before the demo gives up, in milliseconds. */
  readonly patienceMs: number;
}

/** Text of `--help`. */
export const HELP = `Sends customer messages to the reference server and checks every webhook that comes back.

  npm run demo                              the bundled sample (English, Russian, Ukrainian)
  npm run demo -- --file messages.csv       any UTF-8 CSV file with a "text" column

Options
  --file <path>        CSV file with a "text" and, if you like, a "client_id" column
  --rate <n>           messages a second, 0 = as fast as it goes (25 for the sample, 200 for a file)
  --limit <n>          at most so many messages
  --concurrency <n>    requests in flight (32)
  --flaky <share>      refuse the first attempt of this share of webhooks with 503, to see retries (0)
  --patience <seconds> give up after so long without progress (60)
  --url <address>      use a running server instead of starting one; it must allow webhooks to 127.0.0.1
  --secret <whsec_…>   webhook secret of that server
  --api-key <key>      API key of that server, when it wants one
  --help               this text

Exit code 1 when a message was not accepted, an accepted message did not arrive under exactly one webhook id,
a signature was wrong or a session was greeted twice; 2 when an option is wrong.`;

/** An option that cannot be. */
export class DemoOptionError extends Error {
  override readonly name = 'DemoOptionError';
}

const SPEC = {
  file: { type: 'string' },
  rate: { type: 'string' },
  limit: { type: 'string' },
  url: { type: 'string' },
  secret: { type: 'string' },
  'api-key': { type: 'string' },
  concurrency: { type: 'string' },
  flaky: { type: 'string' },
  patience: { type: 'string' },
  help: { type: 'boolean' },
} as const;

function readArgs(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: SPEC, strict: true }).values;
  } catch (error) {
    throw new DemoOptionError(error instanceof Error ? error.message : String(error));
  }
}

function number(
  name: string,
  value: string | undefined,
  fallback: number,
  rule: { min: number; max?: number; whole?: boolean },
): number {
  if (value === undefined) return fallback;
  const parsed = Number(value);
  const { min, max = Number.POSITIVE_INFINITY, whole = false } = rule;
  const fits = value.trim() !== '' && parsed >= min && parsed <= max;
  if (fits && (!whole || Number.isInteger(parsed))) return parsed;
  const range = max === Number.POSITIVE_INFINITY ? `from ${min} up` : `from ${min} to ${max}`;
  throw new DemoOptionError(
    `--${name} must be a ${whole ? 'whole ' : ''}number ${range}, got "${value}"`,
  );
}

/**
 * Reads the command line; `'help'` when it asks for help.
 *
 * @throws DemoOptionError that names the option, the rule and what was given
 */
export function parseOptions(args: readonly string[]): DemoOptions | 'help' {
  const values = readArgs(args);
  if (values.help) return 'help';
  if (values.url !== undefined && !URL.canParse(values.url))
    throw new DemoOptionError(
      `--url must be an address such as http://127.0.0.1:8000, got "${values.url}"`,
    );
  if ((values.url === undefined) !== (values.secret === undefined))
    throw new DemoOptionError('--url and --secret go together');
  return {
    file: values.file,
    rate: number('rate', values.rate, values.file === undefined ? 25 : 200, { min: 0 }),
    limit: number('limit', values.limit, Number.POSITIVE_INFINITY, { min: 1, whole: true }),
    url: values.url,
    secret: values.secret,
    apiKey: values['api-key'],
    concurrency: number('concurrency', values.concurrency, 32, { min: 1, max: 1_000, whole: true }),
    flaky: number('flaky', values.flaky, 0, { min: 0, max: 1 }),
    patienceMs: number('patience', values.patience, 60, { min: 1 }) * 1_000,
  };
}
