import { existsSync, readFileSync } from 'node:fs';

const root = new URL('../../packages/queue/', import.meta.url);

/** Whether the package has this subpath. */
export function hasSubpath(name) {
  const { exports } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
  const source = exports[`./${name}`]?.['@holdfast/source'];
  return source !== undefined && existsSync(new URL(source, root));
}

/** Who is measured: an adapter, its settings, and the kind of store. */
export const contenders = {
  /** Everything as it comes; completed tasks leave no trace, as with BullMQ's `removeOnComplete` and graphile-worker. */
  oursRedis: { adapter: 'holdfast', store: 'redis', label: 'Holdfast' },
  oursPostgres: { adapter: 'holdfast', store: 'postgres', label: 'Holdfast' },
  /** Everything as it comes: completed tasks are kept for a day, as pg-boss keeps them. */
  oursPostgresKeeping: {
    adapter: 'holdfast',
    store: 'postgres',
    keep: true,
    label: 'Holdfast, keeps completed tasks',
  },
  oursMemory: { adapter: 'holdfast', store: 'memory', label: 'Holdfast in memory' },
  bullmq: { adapter: 'bullmq', store: 'redis', label: 'BullMQ' },
  bullmqPostgres: { adapter: 'bullmq', store: 'postgres', label: 'BullMQ on PostgreSQL' },
  graphileBatched: {
    adapter: 'graphile-worker',
    store: 'postgres',
    variant: 'batched',
    label: 'graphile-worker, local queue and batched completion',
  },
  graphile: {
    adapter: 'graphile-worker',
    store: 'postgres',
    variant: 'defaults',
    label: 'graphile-worker at its defaults',
  },
  pgBossBatched: {
    adapter: 'pg-boss',
    store: 'postgres',
    variant: 'batched',
    label: 'pg-boss in batches',
  },
  pgBossLoops: {
    adapter: 'pg-boss',
    store: 'postgres',
    variant: 'loops',
    label: 'pg-boss, loops of fetch and complete',
  },
  pgBoss: {
    adapter: 'pg-boss',
    store: 'postgres',
    variant: 'defaults',
    label: 'pg-boss, work() at its defaults',
  },
};

/** The code of a contender. */
export async function adapterOf({ adapter }) {
  return (await import(`./adapters/${adapter}.mjs`)).adapter;
}
