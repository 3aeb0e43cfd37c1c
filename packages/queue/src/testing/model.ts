export type { FastCheck } from './model/arbitrary.js';
export { type InvariantOptions, queueStoreInvariants } from './model/invariants.js';
export { type FeatureSet, type ModelOptions, queueStoreModel } from './model/reference.js';
export type { ModelRunner } from './model/runner.js';
