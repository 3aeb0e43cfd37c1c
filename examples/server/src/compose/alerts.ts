import { type AlertRule, type Alerts, createAlerts, logNotifier } from '@holdfast/alerts';
import type { MessagingAdmin } from '@holdfast/messaging';
import type { AppLogger, PoolMonitor, Telemetry } from '@holdfast/observability';
import type { QueueStore } from '@holdfast/queue';
import type { SqlDatabase, SqlTransaction } from '@holdfast/sql';
import type { Role } from '../config.js';

const GROWTH_WINDOW_MS = 5 * 60_000;
const LAG_LIMIT_MS = 200;
const POOL_LIMIT = 0.9;

/** What the rules look at. */
export interface AlertSubjects {
  readonly admin: Pick<MessagingAdmin, 'counts'>;
  readonly queueStore: Pick<QueueStore<SqlTransaction>, 'stats'>;
  readonly queueName: string;
  readonly telemetry: Pick<Telemetry, 'runtime'>;
  readonly pool: Pick<PoolMonitor, 'utilization'>;
  readonly db: Pick<SqlDatabase, 'stats'>;
}

/** How much a figure grew within the window that ends now: its value less the least one seen in the window. */
export function growth(
  read: () => Promise<number>,
  windowMs: number,
  now: () => number = Date.now,
): () => Promise<number> {
  let seen: { at: number; value: number }[] = [];
  return async () => {
    const value = await read();
    const at = now();
    seen = [...seen.filter((one) => at - one.at <= windowMs), { at, value }];
    return value - Math.min(...seen.map((one) => one.value));
  };
}

/** Rules on what all processes share: the processes that work look at them. */
function sharedRules({ admin, queueStore, queueName }: AlertSubjects): AlertRule[] {
  const deadDeliveries = async (): Promise<number> => (await admin.counts()).deliveries.dead;
  return [
    {
      id: 'dead-deliveries',
      severity: 'WARNING',
      read: growth(deadDeliveries, GROWTH_WINDOW_MS),
      fire: { above: 0 },
      annotations: {
        summary: '{{value}} deliveries were given up within five minutes',
        action: 'See GET /v1/deliveries?status=dead; replay them once their receiver answers again',
      },
    },
    {
      id: 'dead-tasks',
      severity: 'CRITICAL',
      read: async () => (await queueStore.stats([queueName]))[0]?.counts.dead ?? 0,
      fire: { above: 0 },
      annotations: {
        summary: '{{value}} tasks of the queue operations were given up',
        action: 'See GET /v1/tasks?state=dead; once the cause is mended, POST /v1/tasks/redrive',
      },
    },
  ];
}

/** Rules on this process. */
function processRules({ telemetry, pool, db }: AlertSubjects): AlertRule[] {
  return [
    {
      id: 'event-loop-lag',
      severity: 'WARNING',
      read: () => telemetry.runtime().eventLoopLagMs.p99,
      fire: { above: LAG_LIMIT_MS },
      clear: { below: LAG_LIMIT_MS / 2 },
      for: '30s',
      annotations: { summary: 'The event loop is {{value|round}} ms late' },
    },
    {
      id: 'database-pool-utilisation',
      severity: 'WARNING',
      // An embedded database has one connection, which is all in use whenever anything runs.
      read: () => (db.stats().engine === 'pglite' ? null : pool.utilization()),
      fire: { atLeast: POOL_LIMIT },
      clear: { below: POOL_LIMIT - 0.1 },
      for: '1m',
      annotations: { summary: '{{value|percent}} of the database connections are in use' },
    },
  ];
}

/** Makes the alerts of this process. They are kept in its memory. */
export function composeAlerts(role: Role, subjects: AlertSubjects, logger: AppLogger): Alerts {
  const log = logger.child({ module: 'alerts' });
  return createAlerts({
    rules: [...(role === 'api' ? [] : sharedRules(subjects)), ...processRules(subjects)],
    notifiers: [logNotifier(log)],
    logger: log,
  });
}
