export type {
  Activity,
  ActivityInput,
  ActivityMinute,
  EventInfo,
  EventList,
  EventsInput,
} from './admin/activity-data.js';
export type {
  GroupLimitsData,
  LimitsInfo,
  LimitsInput,
  PrioritiesData,
  RateData,
} from './admin/limits-data.js';
export type { ListSchedulesInput, ScheduleInfo, ScheduleList } from './admin/schedule-data.js';
export type { AdminStore } from './admin/tasks.js';
export { QueueAdmin, type QueueAdminOptions } from './admin.js';
export type {
  BulkInput,
  CancelInput,
  CancelManyInput,
  Change,
  Changed,
  CleanInput,
  HistoryInfo,
  ListQueuesInput,
  ListTasksInput,
  MoveManyInput,
  QueueInfo,
  QueueList,
  RedriveInput,
  RedriveManyInput,
  ReprioritiseManyInput,
  TaskCounts,
  TaskFilterInput,
  TaskInfo,
  TaskPage,
} from './admin-data.js';
export { type Clock, type ClockTimer, systemClock } from './clock.js';
export type { QueueCounters } from './counters.js';
export type { Duration } from './duration.js';
export { isQueueError, QueueError, type QueueErrorCode, type QueueIssue } from './errors.js';
export type { EventHub, QueueEvent, QueueEvents } from './events.js';
export type { FlowLinks } from './flow.js';
export type { HealthReport } from './health.js';
export type { CloseReport } from './in-flight.js';
export type { Latency, TaskLatency } from './latency.js';
export type { Logger } from './logger.js';
export type { GroupOptions, NewTaskOptions, TaskPlacement } from './new-task.js';
export { createQueue, Queue } from './queue.js';
export type {
  EnqueueItem,
  EnqueueOptions,
  FlowItem,
  NamedTask,
  QueueInternals,
  QueueOptions,
} from './queue-types.js';
export {
  isRetryAt,
  isUnrecoverableError,
  type ResolvedRetryPolicy,
  RetryAt,
  type RetryDecision,
  type RetryPolicy,
  UnrecoverableError,
} from './retry.js';
export type { ScheduleOptions } from './schedule/options.js';
export { nextRun, type PlannedRuns, planRuns } from './schedule/plan.js';
export type { StandardIssue, StandardResult, StandardSchema } from './standard-schema.js';
export type * from './store.js';
export { type MemoryStoreOptions, memoryStore } from './stores/memory.js';
export {
  type AnyTaskDefinition,
  type ChildTask,
  defineTask,
  handle,
  type TaskContext,
  type TaskDefinition,
  type TaskHandler,
  type TaskOptions,
} from './task.js';
export { createWorker } from './worker/create-worker.js';
export {
  type AnyHandler,
  type BatchHandler,
  type BatchItem,
  type BatchOptions,
  type BatchResult,
  handleBatch,
  type ThreadHandler,
} from './worker/handlers.js';
export type { ConcurrencyRange, WorkerOptions } from './worker/options.js';
export {
  handleInThread,
  type ThreadContext,
  type ThreadOptions,
} from './worker/threads/handle-in-thread.js';
export type { ThreadTask } from './worker/threads/messages.js';
export type { AnyQueue, WorkerCloseReport, WorkerStats } from './worker/types.js';
export { Worker } from './worker/worker.js';
