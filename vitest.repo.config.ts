import { project } from './vitest.shared.js';

/** Tests of the repository itself: package boundaries, shared files, the test services. */
export default project('repo');
