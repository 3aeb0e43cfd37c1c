import { findNats, startNats } from './nats.js';
import { isReachable } from './ports.js';
import { findPostgres, startPostgres } from './postgres.js';
import { findRedis, startRedis } from './redis.js';
import type { TestServer } from './test-server.js';

const KINDS = [
  { name: 'Redis', variable: 'TEST_REDIS_URL', find: findRedis, start: startRedis },
  { name: 'PostgreSQL', variable: 'TEST_POSTGRES_URL', find: findPostgres, start: startPostgres },
  { name: 'NATS', variable: 'TEST_NATS_URL', find: findNats, start: startNats },
] as const;

const INSTALL =
  'install with `apt-get install redis-server postgresql nats-server` or `brew install redis postgresql nats-server`';

type Environment = Readonly<Record<string, string | undefined>>;

/** The services of one test run. */
export interface Services {
  /** Variable name (`TEST_REDIS_URL` …) to URL, for each service there is. */
  readonly urls: Readonly<Record<string, string>>;
  /** One line that names what is missing, why, and how to get it. */
  readonly missing: string | undefined;
  /** Stops what was started here; what was given is left alone. */
  stop(): Promise<void>;
}

interface Found {
  name: string;
  variable: string;
  url?: string;
  server?: TestServer;
  /** Why there is none. */
  missing?: string;
}

async function acquire(kind: (typeof KINDS)[number], env: Environment): Promise<Found> {
  const { name, variable } = kind;
  const given = env[variable];
  if (given) {
    if (await isReachable(given)) return { name, variable, url: given };
    throw new Error(`${variable} is set, but nothing accepts connections there`);
  }
  if (env.HOLDFAST_TEST_SERVICES === 'none')
    return { name, variable, missing: 'hidden by HOLDFAST_TEST_SERVICES=none' };
  if (!kind.find()) return { name, variable, missing: 'not installed' };
  try {
    const server = await kind.start();
    return { name, variable, url: server.url, server };
  } catch (error) {
    const why = String(error).replace(/\s+/g, ' ').slice(0, 400);
    return { name, variable, missing: `did not start: ${why}` };
  }
}

function summary(found: readonly Found[]): string | undefined {
  const reasons = new Map<string, string[]>();
  for (const { name, missing } of found)
    if (missing) reasons.set(missing, [...(reasons.get(missing) ?? []), name]);
  if (reasons.size === 0) return undefined;
  const missing = [...reasons].map(([reason, names]) => `${names.join(', ')} (${reason})`);
  const variables = found.flatMap((service) => (service.missing ? [service.variable] : []));
  return `Test services missing: ${missing.join('; ')}; their suites are skipped; ${INSTALL}, or set ${variables.join(', ')}.`;
}

/**
 * Takes each service from its variable, or starts it from the programs of this machine.
 *
 * @throws Error when a given URL does not answer, and with `CI=true` when a service is missing, unless
 * `HOLDFAST_ALLOW_MISSING_SERVICES=1` says that it is meant to be
 */
export async function acquireServices(env: Environment): Promise<Services> {
  const results = await Promise.allSettled(KINDS.map((kind) => acquire(kind, env)));
  const found = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const stop = async () => {
    await Promise.all(found.map(({ server }) => server?.stop()));
  };
  const failed = results.find((result) => result.status === 'rejected');
  const missing = summary(found);
  const strict = ['true', '1'].includes(env.CI ?? '');
  if (failed || (missing && strict && env.HOLDFAST_ALLOW_MISSING_SERVICES !== '1')) {
    await stop();
    throw failed ? failed.reason : new Error(missing);
  }
  const urls = found.flatMap(({ variable, url }) => (url ? [[variable, url] as const] : []));
  return { urls: Object.fromEntries(urls), missing, stop };
}
