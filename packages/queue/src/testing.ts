export type { Check } from './testing/checks.js';
export { queueStoreConformance } from './testing/conformance.js';
export {
  type Assertion,
  Kit,
  type StoreHarness,
  type StoreUnderTest,
  type TestRunner,
} from './testing/kit.js';
export { type VirtualClock, virtualClock } from './testing/virtual-clock.js';
