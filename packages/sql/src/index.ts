export type {
  CloseReport,
  HealthReport,
  ListenOptions,
  QueryOptions,
  QueryResult,
  SqlDatabase,
  SqlEvents,
  SqlExecutor,
  SqlRow,
  SqlStats,
  SqlTransaction,
  Subscription,
  TransactionOptions,
} from './database.js';
export type { Duration } from './duration.js';
export { isSqlError, SqlError, type SqlErrorCode } from './errors.js';
export { type GroupCommit, type GroupCommitOptions, groupCommit } from './group-commit.js';
export { type InsertManyOptions, insertMany } from './insert-many.js';
export type { Logger } from './logger.js';
export {
  type Migration,
  type MigrationOptions,
  type MigrationStatus,
  migrate,
  migrateDown,
  migrationStatus,
} from './migrations.js';
export { type DatabaseTarget, type OpenOptions, openDatabase, type PoolOptions } from './open.js';
export { type FromPgliteOptions, fromPglite } from './pglite/from-pglite.js';
export type { PgliteLike, ProtocolMessage } from './pglite/pglite-like.js';
export { type FromPgOptions, fromPg } from './postgres/from-pg.js';
export type {
  PgClientLike,
  PgPoolClientLike,
  PgPoolLike,
  PgResult,
  PgStatement,
} from './postgres/pg-like.js';
