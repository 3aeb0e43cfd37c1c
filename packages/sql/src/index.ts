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
