import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../src/stores/memory.js';
import { checkpointStoreConformance } from '../../src/testing.js';

checkpointStoreConformance(
  { describe, it, expect },
  { name: 'memory', create: async () => memoryStore() },
);
