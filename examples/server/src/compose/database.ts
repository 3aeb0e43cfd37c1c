import { join } from 'node:path';
import { openDatabase, type SqlDatabase } from '@holdfast/sql';
import type { Config } from '../config.js';

interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Opens the one database that every package of this process shares: so one transaction spans all of them. */
export function composeDatabase(config: Config, logger: Logger): Promise<SqlDatabase> {
  if (config.databaseUrl === undefined) {
    return openDatabase({ dataDir: join(config.dataDir, 'database'), logger });
  }
  return openDatabase({
    url: config.databaseUrl,
    pool: { max: config.databasePoolSize },
    applicationName: `holdfast-${config.role}`,
    logger,
  });
}
