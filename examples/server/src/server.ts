import { MessagingAdmin } from '@holdfast/messaging';
import {
  type AppLogger,
  type GracefulShutdown,
  gracefulShutdown,
  httpContext,
  type LogDestination,
  monitorPool,
  type ShutdownReport,
} from '@holdfast/observability';
import type { SqlDatabase } from '@holdfast/sql';
import { composeCache } from './compose/cache.js';
import { composeDatabase } from './compose/database.js';
import { composeMessaging } from './compose/messaging.js';
import { composeQueue, composeWorker, startPruning } from './compose/queue.js';
import { composeTelemetry, type Visibility } from './compose/telemetry.js';
import { TemplateLibrary } from './compose/templates.js';
import { composeWebhookSecrets } from './compose/webhook-secret.js';
import type { Config } from './config.js';
import { createApp } from './http/app.js';
import { listen } from './http/listen.js';
import { createNotifyOperator } from './operations/notify-operator.js';

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

/** Starts every part in order, then listens. When one fails, those started before it are closed again. */
export async function startServer(
  config: Config,
  options: StartOptions = {},
): Promise<RunningServer> {
  const visibility = composeTelemetry(config, options.destination);
  const { logger, telemetry, health } = visibility;
  let exit = (_code: number): void => {};
  const shutdown = gracefulShutdown({
    logger,
    health,
    deadline: config.shutdownDeadline,
    drainDelay: config.shutdownDrainDelay,
    exit: (code) => exit(code),
    ...(options.signals === undefined ? {} : { signals: options.signals }),
  });
  try {
    const running = await startParts(config, options, visibility, shutdown);
    exit = options.exit ?? ((code) => process.exit(code));
    return running;
  } catch (error) {
    await shutdown.run('the start failed');
    await telemetry.close();
    await logger.close();
    throw error;
  }
}
