import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../src/index.js';
import { cacheStoreConformance } from '../../src/testing.js';

cacheStoreConformance(
  { describe, it, expect },
  { name: 'memory', create: async () => memoryStore() },
);

it('names the option, the rule and what was received', () => {
  expect(() => memoryStore({ maxEntries: 0 })).toThrow(
    'Expected `maxEntries` to be an integer from 1 to 1073741824, got 0 (number)',
  );
});
