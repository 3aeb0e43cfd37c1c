export type { AcceptOptions } from './accept-input.js';
export { type ListOptions, MessagingAdmin, type TemplateChangeOptions } from './admin.js';
export type {
  Classifier,
  ClassifierContext,
  ClassifierInput,
  ClassifierResult,
} from './classify/classifier.js';
export { type ClassifierRule, defaultRules } from './classify/default-rules.js';
export { detectLanguage } from './classify/language.js';
export { ruleClassifier } from './classify/rule-classifier.js';
export type { Duration } from './duration.js';
export {
  type FieldError,
  isMessagingError,
  MessagingError,
  type MessagingErrorCode,
} from './errors.js';
export type {
  DeliverySettled,
  MessageProcessed,
  MessagingEvent,
  MessagingEvents,
  MessagingEventType,
} from './events.js';
export {
  type AcceptResult,
  type CloseReport,
  createMessaging,
  type Messaging,
  type MessagingHealth,
} from './messaging.js';
export type { MessagingOptions, MessagingRole, RetryOptions, WebhookOptions } from './options.js';
export type { CachePort, Clock, Logger, TaskRequest, TasksPort, Timer } from './ports.js';
export { defaultScenarios, type Scenario } from './scenarios.js';
export type {
  AcceptOutcome,
  AcceptRules,
  ClaimDeliveriesOptions,
  ClaimedDelivery,
  ClaimedMessage,
  ClaimOptions,
  CommitOutcome,
  DeliveryFilter,
  DeliverySettlement,
  EnqueueInTransaction,
  MessageFilter,
  MessagingCounts,
  MessagingStore,
  NewDelivery,
  NewMessage,
  PageRequest,
  ProcessedMessage,
  ReleasedDelivery,
  ReleasedMessage,
  ReplayOutcome,
  WakeTopic,
} from './store.js';
export { type MemoryStoreOptions, memoryStore } from './stores/memory.js';
export type { MessagingStats } from './telemetry.js';
export { defaultTemplates } from './templates/default-templates.js';
export {
  type AcceptedMessage,
  type AcceptInput,
  type AttemptTrigger,
  type Classification,
  DELIVERY_STATUSES,
  type Delivery,
  type DeliveryAttempt,
  type DeliveryStatus,
  MESSAGE_STATUSES,
  type Message,
  type MessageStatus,
  type Page,
  REPLY_PURPOSES,
  type Reply,
  type ReplyPurpose,
  type Session,
  type StoredTemplate,
  TEMPLATE_VARIABLES,
  type Template,
  type TraceCarrier,
} from './types.js';
export { defaultRetrySchedule } from './webhooks/retry-schedule.js';
