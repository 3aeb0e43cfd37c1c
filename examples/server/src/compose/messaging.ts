import type { Cache } from '@holdfast/cache';
import { createMessaging, type Messaging, type MessagingRole } from '@holdfast/messaging';
import { postgresStore } from '@holdfast/messaging/postgres';
import type { AppLogger } from '@holdfast/observability';
import type { Queue } from '@holdfast/queue';
import type { SqlDatabase, SqlTransaction } from '@holdfast/sql';
import type { Config, Role } from '../config.js';

const ROLES: Readonly<Record<Role, MessagingRole>> = { all: 'all', api: 'accept', worker: 'work' };

/** What the pipeline works with. */
export interface MessagingParts {
  readonly db: SqlDatabase;
  readonly cache: Cache;
  readonly queue: Queue<SqlTransaction>;
  readonly secrets: readonly string[];
  readonly logger: AppLogger;
}

/** Makes the pipeline: state in the shared database, classifications in the cache, escalations to the queue. */
export function composeMessaging(config: Config, parts: MessagingParts): Messaging {
  return createMessaging({
    store: postgresStore(parts.db),
    role: ROLES[config.role],
    webhooks: { secrets: parts.secrets, allowNetworks: config.webhookAllowNetworks },
    cache: parts.cache,
    tasks: parts.queue,
    logger: parts.logger.child({ module: 'messaging' }),
  });
}
