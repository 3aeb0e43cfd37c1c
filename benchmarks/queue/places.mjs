import { Redis } from 'ioredis';
import { runChild } from '../lib/child.mjs';
import { adapterOf } from './contenders.mjs';
import { databaseUrl, freshDatabase } from './postgres.mjs';

const prepared = new Set();

/** Makes the schema of a contender, in a process of its own because some leave timers behind. */
export async function prepareSchema({ contender, url }) {
  await (await adapterOf(contender)).prepare(contender, url);
}

async function emptyDatabase(server, contender) {
  const kind = contender.adapter.replaceAll('-', '_');
  const template = `template_${kind}`;
  if (!prepared.has(kind)) {
    await freshDatabase(server, template);
    const url = databaseUrl(server, template);
    await runChild(import.meta.url, 'prepareSchema', { contender, url });
    prepared.add(kind);
  }
  return freshDatabase(server, `bench_${kind}`, template);
}

async function emptyRedis(url) {
  const client = new Redis(url);
  await client.flushall();
  client.disconnect();
  return url;
}

/** An empty place for a contender to work in; the contender's schema is there already. */
export function emptyPlace(services, contender, redis = 'stock') {
  if (contender.store === 'postgres') return emptyDatabase(services.postgres, contender);
  if (contender.store === 'redis') return emptyRedis(services.redis[redis]);
  return undefined;
}

/** An empty database with the contender's schema under a name of its own. */
export async function namedDatabase(services, contender, name) {
  await emptyDatabase(services.postgres, contender);
  return freshDatabase(
    services.postgres,
    name,
    `template_${contender.adapter.replaceAll('-', '_')}`,
  );
}
