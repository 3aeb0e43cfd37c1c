import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** The long forms of the tests that break things, or do random ones (`npm run test:soak`): minutes each, one after the other. */
export default defineConfig({
  ssr: { resolve: { conditions: ['@holdfast/source'] } },
  test: {
    name: 'queue soak',
    root: fileURLToPath(new URL('.', import.meta.url)),
    include: ['test/chaos/**/*.test.ts', 'test/stores/{model,invariants,fairness}.test.ts'],
    globalSetup: [fileURLToPath(new URL('../../test-services/setup.ts', import.meta.url))],
    env: { HOLDFAST_SOAK: '1' },
    fileParallelism: false,
    testTimeout: 900_000,
    hookTimeout: 60_000,
  },
});
