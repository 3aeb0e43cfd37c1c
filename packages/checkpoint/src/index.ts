export { CheckpointAdmin, type CheckpointAdminTarget } from './admin.js';
export type {
  Checkpoint,
  CheckpointInfo,
  CheckpointOrigin,
  CheckpointProblem,
  CheckpointSelector,
  Json,
  Page,
  SubjectInfo,
  VerifyReport,
} from './checkpoint.js';
export { Checkpoints, createCheckpoints } from './checkpoints.js';
export type { Clock, Timer } from './clock.js';
export type { Duration } from './duration.js';
export { CheckpointError, type CheckpointErrorCode, isCheckpointError } from './errors.js';
export type { RestoreContext, StateSchema, SubjectHandler } from './handlers.js';
export type { CloseReport } from './in-flight.js';
export type {
  CheckpointsOptions,
  CloseOptions,
  ListOptions,
  RollbackOptions,
  SaveOptions,
  SubjectsOptions,
  UndoOptions,
  VerifyOptions,
} from './options.js';
export type {
  CheckpointInfoJson,
  CheckpointJson,
  CheckpointOutputs,
  PageJson,
  SubjectInfoJson,
  VerifyReportJson,
} from './schemas.js';
export type {
  AppendOutcome,
  CheckpointStore,
  InTransaction,
  NewVersion,
  Segment,
  StoredOrigin,
  StoredVersion,
  SubjectQuery,
  VersionQuery,
} from './store.js';
export { type MemoryStoreOptions, MemoryTransaction, memoryStore } from './stores/memory.js';
export type { CheckpointStats } from './telemetry.js';
