import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../src/stores/memory.js';
import { alertStoreConformance } from '../../src/testing.js';

alertStoreConformance(
  { describe, it, expect },
  { name: 'memory', create: async (options) => memoryStore(options) },
);

describe('memoryStore', () => {
  it('refuses a limit that is none', () => {
    expect(() => memoryStore({ historyLimit: -1 })).toThrow('historyLimit');
  });
});
