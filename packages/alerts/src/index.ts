export { AlertAdmin } from './admin.js';
export type {
  Acknowledgement,
  Alert,
  AlertStatus,
  Labels,
  Page,
  Severity,
  Transition,
} from './alert.js';
export { SEVERITIES } from './alert.js';
export { Alerts, type CloseReport, createAlerts, type EvaluationReport } from './alerts.js';
export type { Clock, Timer } from './clock.js';
export type { Duration } from './duration.js';
export { AlertError, type AlertErrorCode, isAlertError } from './errors.js';
export type { AlertEvent, AlertEventType } from './events.js';
export { logNotifier } from './log-notifier.js';
export type { Logger } from './logger.js';
export type {
  Notification,
  Notifier,
  NotifierStats,
  NotifyContext,
  RetryOptions,
} from './notifier.js';
export type {
  AcknowledgeOptions,
  AlertsOptions,
  CloseOptions,
  HistoryOptions,
  ListOptions,
} from './options.js';
export {
  acknowledge,
  end,
  INACTIVE,
  type RuleLogic,
  type Seen,
  type SeriesEvent,
  type SeriesState,
  type Step,
  step,
} from './reducer.js';
export type {
  AlertRule,
  FunctionRule,
  MetricRule,
  MetricSource,
  ReadContext,
  Reading,
  RuleFields,
  Sample,
  Threshold,
} from './rule.js';
export type {
  AcknowledgementJson,
  AlertJson,
  AlertOutputs,
  AlertPageJson,
  RuleJson,
  TransitionJson,
} from './schemas.js';
export type { AlertCounts, AlertQuery, AlertStore, Series, SeriesChange } from './store.js';
export { type MemoryStoreOptions, memoryStore } from './stores/memory.js';
export type { AlertStats } from './telemetry.js';
