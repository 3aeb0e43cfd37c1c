import { acquireServices, type Services } from './services.js';

interface Shared {
  services: Promise<Services>;
  users: number;
}

// Vitest loads this module once for the root and once for each project, all in one process: the services are shared.
const KEY = Symbol.for('holdfast.test-services');
const holder = globalThis as { [KEY]?: Shared | undefined };

async function start(): Promise<Services> {
  const services = await acquireServices(process.env);
  Object.assign(process.env, services.urls);
  return services;
}

/**
 * Vitest's global set-up: Redis, PostgreSQL and NATS for the run. Tests find them in `TEST_REDIS_URL`,
 * `TEST_POSTGRES_URL` and `TEST_NATS_URL`, and skip their suite when the variable is absent.
 */
export default async function setup(): Promise<() => Promise<void>> {
  holder[KEY] ??= { services: start(), users: 0 };
  const shared = holder[KEY];
  shared.users += 1;
  const services = await shared.services;
  return async () => {
    shared.users -= 1;
    if (shared.users > 0) return;
    holder[KEY] = undefined;
    await services.stop();
    if (services.missing) console.warn(`\n${services.missing}`);
  };
}
