import { fileURLToPath } from 'node:url';
import { defineProject, type UserWorkspaceConfig } from 'vitest/config';

const setup = fileURLToPath(new URL('./test-services/setup.ts', import.meta.url));

/**
 * Sibling packages resolve to their TypeScript source, so tests never wait for a build.
 * The services' set-up is named here too, for runs inside one package; it starts each service once a process.
 */
export const project = (name: string): UserWorkspaceConfig =>
  defineProject({
    ssr: { resolve: { conditions: ['@holdfast/source'] } },
    test: {
      name,
      include: ['test/**/*.test.ts'],
      globalSetup: [setup],
      testTimeout: 30_000,
      hookTimeout: 60_000,
    },
  });
