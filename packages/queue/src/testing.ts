export { advance } from './testing/advance.js';
export { assertEnqueued, type ExpectedTasks } from './testing/assert-enqueued.js';
export type { Check, Need } from './testing/checks.js';
export { queueStoreConformance } from './testing/conformance.js';
export { type DrainOptions, type DrainReport, drain } from './testing/drain.js';
export {
  type Assertion,
  Kit,
  type StoreHarness,
  type StoreUnderTest,
  type TestRunner,
} from './testing/kit.js';
export { type VirtualClock, virtualClock } from './testing/virtual-clock.js';
