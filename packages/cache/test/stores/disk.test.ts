import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { diskStore } from '../../src/stores/disk.js';
import { cacheStoreConformance } from '../../src/testing.js';

let path: string;
beforeAll(async () => {
  path = await mkdtemp(join(tmpdir(), 'holdfast-disk-'));
});
afterAll(() => rm(path, { recursive: true, force: true }));

cacheStoreConformance(
  { describe, it, expect },
  {
    name: 'disk',
    create: async () => diskStore({ path }),
    capabilities: { subscribe: { absent: 'a folder does not tell who changed it' } },
  },
);
