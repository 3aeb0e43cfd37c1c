export {
  alertStoreConformance,
  type ConformanceOptions,
  type TestRunner,
} from './testing/store-conformance.js';
export { type VirtualClock, virtualClock } from './testing/virtual-clock.js';
