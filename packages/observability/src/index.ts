export type { Clock, Timer } from './clock.js';
export type { Duration } from './duration.js';
export {
  isObservabilityError,
  ObservabilityError,
  type ObservabilityErrorCode,
} from './errors.js';
export {
  createHealth,
  type Health,
  type HealthCheckOptions,
  type HealthOptions,
  type HealthSource,
  type LiveReport,
  type ReadyReport,
  type StartupReport,
} from './health.js';
export type {
  CheckError,
  CheckResult,
  HealthAnswer,
  HealthCheckFunction,
  HealthStatus,
} from './health-check.js';
export { type HttpContext, type HttpContextOptions, httpContext } from './http-context.js';
export type {
  HonoContextLike,
  HonoMiddleware,
  HonoRequestLike,
  HonoResponseLike,
  HonoRouteLike,
} from './http-hono.js';
export type { NodeHandler, NodeMiddleware, NodeRoute } from './http-node.js';
export { fileDestination, type LogDestination } from './log-destination.js';
export type { LogLevel } from './log-levels.js';
export {
  type AppLogger,
  createLogger,
  type Logger,
  type LoggerOptions,
  type LogMethod,
} from './logger.js';
export {
  type MemorySpanExporter,
  type MemorySpanExporterOptions,
  memorySpanExporter,
} from './memory-span-exporter.js';
export {
  monitorPool,
  type PoolMonitor,
  type PoolMonitorOptions,
  type PoolQuery,
  type PoolSource,
  type PoolStats,
  type PoolStatus,
} from './pool-monitor.js';
export { PROMETHEUS_CONTENT_TYPE } from './prometheus-text.js';
export {
  currentRequestId,
  type HeaderRecord,
  type RequestContextOptions,
  requestIdFrom,
  withRequestContext,
} from './request-id.js';
export type { EventLoopLag, RuntimeStats } from './runtime-metrics.js';
export {
  type GracefulShutdown,
  gracefulShutdown,
  type PartReport,
  type ShutdownOptions,
  type ShutdownReport,
} from './shutdown.js';
export type { Closable, ClosablePart, CloseOptions } from './shutdown-part.js';
export type { ExportCounts, ReadableSpan, SpanExporter } from './span-exporter.js';
export {
  type CloseReport,
  startTelemetry,
  type Telemetry,
  type TelemetryOptions,
} from './telemetry.js';
