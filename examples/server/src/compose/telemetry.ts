import {
  type AppLogger,
  createHealth,
  createLogger,
  type Health,
  type LogDestination,
  startTelemetry,
  type Telemetry,
} from '@holdfast/observability';
import type { Config } from '../config.js';
import { SERVICE, VERSION } from '../version.js';

/** What makes the process visible from outside. */
export interface Visibility {
  readonly logger: AppLogger;
  readonly telemetry: Telemetry;
  readonly health: Health;
}

/** Starts logs, traces and metrics. Must come first: instruments made earlier stay silent. */
export function composeTelemetry(config: Config, destination?: LogDestination): Visibility {
  const about = { service: SERVICE, version: VERSION, environment: config.environment };
  const logger = createLogger({
    ...about,
    level: config.logLevel,
    ...(destination === undefined ? {} : { destination }),
  });
  return {
    logger,
    telemetry: startTelemetry({ ...about, logger: logger.child({ module: 'telemetry' }) }),
    health: createHealth({ logger: logger.child({ module: 'health' }), awaitStartup: true }),
  };
}
