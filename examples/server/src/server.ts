import { MessagingAdmin } from '@holdfast/messaging';
import {
  type AppLogger,
  gracefulShutdown,
  httpContext,
  type LogDestination,
  monitorPool,
  type ShutdownReport,
} from '@holdfast/observability';
import { QueueAdmin } from '@holdfast/queue';
import type { SqlDatabase } from '@holdfast/sql';
import { composeAlerts } from './compose/alerts.js';
import { composeCache } from './compose/cache.js';
import { composeDatabase } from './compose/database.js';
import { composeMessaging } from './compose/messaging.js';
import { composeQueue, composeWorker, scheduleOperations } from './compose/queue.js';
import { composeTelemetry, type Visibility } from './compose/telemetry.js';
import { TemplateLibrary } from './compose/templates.js';
import { composeWebhookSecrets } from './compose/webhook-secret.js';
import type { Config } from './config.js';
import { createApp } from './http/app.js';
import { listen } from './http/listen.js';
import { DeliveryCounter } from './operations/delivery-counter.js';
import { DeliveryStatistics } from './operations/delivery-statistics.js';
import { createNotifyOperator } from './operations/notify-operator.js';
import { handleTrends } from './operations/trends.js';

/** What a program that starts the server decides. */
export interface StartOptions {
  /** Signals that shut it down. @defaultValue SIGTERM and SIGINT */
  readonly signals?: readonly NodeJS.Signals[];
  /** Ends the process after a shutdown. @defaultValue `process.exit` */
  readonly exit?: (code: number) => void;
  /** Where log lines go. @defaultValue the standard output */
  readonly destination?: LogDestination;
  /** Opens the database. @defaultValue what the configuration says */
  readonly openDatabase?: (config: Config, logger: AppLogger) => Promise<SqlDatabase>;
}

/** A server that answers requests. */
export interface RunningServer {
  /** Where it listens. */
  readonly url: string;
  readonly logger: AppLogger;
  /** Where the webhook secret is, in words. */
  readonly webhookSecretSource: string;
  /** The shared database, for tests. */
  readonly db: SqlDatabase;
  /** Shuts down as a signal does. */
  shutdown(reason: string): Promise<ShutdownReport>;
}

/** What was opened, to be closed again when a later part fails to start. */
class Opened {
  readonly #closers: (() => unknown)[] = [];

  add(close: () => unknown): void {
    this.#closers.unshift(close);
  }

  async closeAll(): Promise<void> {
    for (const close of this.#closers) {
      try {
        await close();
      } catch {
        // The failure that brought us here is the one to tell of.
      }
    }
  }
}

/** Starts every part in order, then listens. When one fails, those started before it are closed again. */
export async function startServer(
  config: Config,
  options: StartOptions = {},
): Promise<RunningServer> {
  const opened = new Opened();
  try {
    const visibility = composeTelemetry(config, options.destination);
    opened.add(() => visibility.logger.close());
    opened.add(() => visibility.telemetry.close());
    const parts = await composeParts(config, options, visibility, opened);
    return await run(config, options, visibility, parts);
  } catch (error) {
    await opened.closeAll();
    throw error;
  }
}

/** Makes every part and its tables; nothing works yet. */
async function composeParts(
  config: Config,
  options: StartOptions,
  { logger, telemetry }: Visibility,
  opened: Opened,
) {
  const webhooks = await composeWebhookSecrets(config);
  const db = await (options.openDatabase ?? composeDatabase)(config, logger);
  opened.add(() => db.close());
  const pool = monitorPool(db, { pool: 'main', logger });
  opened.add(() => pool.close());
  const cache = await composeCache(config, logger);
  opened.add(() => cache.close());
  const { queue, store: queueStore } = await composeQueue(db, logger);
  opened.add(() => queueStore.close());
  const queueAdmin = new QueueAdmin({ store: queueStore, logger });
  const { secrets } = webhooks;
  const messaging = composeMessaging(config, { db, cache: cache.cache, queue, secrets, logger });
  opened.add(() => messaging.close());
  await messaging.init();
  const admin = new MessagingAdmin(messaging);
  const templates = new TemplateLibrary(db, admin);
  await templates.init();
  const notifyOperator = createNotifyOperator({
    url: config.operatorWebhookUrl,
    secrets,
    logger: logger.child({ module: 'operations' }),
  });
  const statistics = new DeliveryStatistics(db);
  await statistics.init();
  const handlers = {
    notifyOperator,
    prune: async () => ({ ...(await admin.prune()), deliveryHours: await statistics.prune() }),
    trends: handleTrends(admin),
    countDeliveries: statistics.handler(),
  };
  const worker = composeWorker(queue, handlers, logger);
  opened.add(() => worker.close());
  const subjects = { admin, queueStore, queueName: queue.name, telemetry, pool, db };
  const alerts = composeAlerts(config.role, subjects, logger);
  opened.add(() => alerts.close());
  return {
    ...{ webhooks, db, pool, cache, queue, queueStore, queueAdmin },
    ...{ messaging, admin, templates, statistics, worker, alerts },
  };
}

type Parts = Awaited<ReturnType<typeof composeParts>>;

/** Lets the parts work, and puts them into the order in which they stop. */
async function run(
  config: Config,
  options: StartOptions,
  { logger, telemetry, health }: Visibility,
  parts: Parts,
): Promise<RunningServer> {
  const { db, messaging, queue, worker, templates, statistics, admin, alerts } = parts;
  const works = config.role !== 'api';
  const counter = new DeliveryCounter(messaging, queue, logger.child({ module: 'operations' }));
  health.register('database', db);
  health.register('messaging', messaging);
  health.register('queue', queue);
  health.register('cache', parts.cache.cache, { critical: false });
  if (works) health.register('worker', worker);
  const app = createApp(config, {
    system: { health, prometheusText: () => telemetry.prometheusText() },
    api:
      config.role === 'worker'
        ? undefined
        : { messaging, admin, templates, statistics, alerts, queue, queueAdmin: parts.queueAdmin },
    http: httpContext({ logger: logger.child({ module: 'http' }) }),
  });
  if (works) {
    messaging.start();
    await worker.start();
    await scheduleOperations(queue);
  }
  alerts.start();
  const { server, url } = await listen(app, config.host, config.port);
  health.started();

  const shutdown = gracefulShutdown({
    logger,
    health,
    deadline: config.shutdownDeadline,
    drainDelay: config.shutdownDrainDelay,
    ...(options.exit === undefined ? {} : { exit: options.exit }),
    ...(options.signals === undefined ? {} : { signals: options.signals }),
  });
  shutdown.add('http', server);
  shutdown.add('messaging', messaging, { after: ['http'] });
  shutdown.add('statistics', counter, { after: ['messaging'] });
  shutdown.add('worker', worker, { after: ['statistics'] });
  const workers = ['messaging', 'worker'];
  shutdown.add('templates', templates.checkpoints, { after: ['http'] });
  shutdown.add('alerts', alerts, { after: ['http'] });
  shutdown.add('cache', parts.cache, { after: workers });
  shutdown.add('queue', closeInTurn(queue, parts.queueStore), { after: workers });
  shutdown.add('database', closeInTurn(parts.pool, db), {
    after: ['templates', 'alerts', 'cache', 'queue'],
  });
  shutdown.add('telemetry', telemetry, { after: ['database'] });
  return {
    url,
    logger,
    db,
    webhookSecretSource: parts.webhooks.source,
    shutdown: (reason) => shutdown.run(reason),
  };
}

interface Closable {
  close(options?: { deadline?: number }): Promise<unknown>;
}

/** Closes the first part, then the second; what the second reports counts. */
function closeInTurn(first: Closable, second: Closable) {
  return async (options: { deadline: number }): Promise<unknown> => {
    await first.close(options);
    return second.close(options);
  };
}
