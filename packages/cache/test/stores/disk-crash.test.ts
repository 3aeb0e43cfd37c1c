import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { diskStore } from '../../src/stores/disk.js';
import { DiskWriters } from '../support/disk-writers.js';
import { buildProgram, type Program } from '../support/program.js';
import { unseal } from '../support/sealed.js';

const KEYS = 24;
const upTo = (count: number): number => Math.floor(Math.random() * count);

/** Bytes of all files below a folder. */
async function bytesBelow(folder: string): Promise<number> {
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  const sizes = files.map(async (file) => {
    if (!file.isFile()) return 0;
    return (await stat(join(file.parentPath, file.name)).catch(() => undefined))?.size ?? 0;
  });
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

describe('disk store shared by processes', () => {
  let program: Program;
  let path: string;
  beforeAll(async () => {
    program = await buildProgram('disk-writer');
    path = await mkdtemp(join(tmpdir(), 'holdfast-disk-'));
  });
  afterAll(async () => {
    await rm(path, { recursive: true, force: true });
    await program.remove();
  });

  it('has every entry whole or absent after 100 kills of its writers, and what was acknowledged', async () => {
    const folder = join(path, 'kills');
    const sizes = [10, 1_000, 9_000, 100_000];
    const writers = new DiskWriters(program, {
      path: folder,
      keys: KEYS,
      sizes,
      maxBytes: 2 ** 30,
    });
    while (writers.kills < 100) {
      await Promise.all([0, 1, 2, 3].map((writer) => writers.lifeOf(writer, upTo(80))));
      expect([writers.broken, writers.errors]).toEqual([[], []]);
      const store = diskStore({ path: folder });
      const keys = [...writers.states.keys()];
      const reads = await store.getMany('crash', keys);
      const wrong = keys.flatMap((key, at) => {
        const bytes = reads[at]?.bytes;
        const value = bytes === undefined ? undefined : unseal(key, bytes);
        if (value === 'broken' || !writers.settle(key, value)) return [`${key}: ${value}`];
        return [];
      });
      expect([wrong, store.stats().damaged]).toEqual([[], 0]);
      await store.close();
    }
  }, 240_000);

  it('stays near its limit while four processes write, and within it once they have stopped', async () => {
    const folder = join(path, 'limits');
    const maxBytes = 4 * 2 ** 20;
    const options = { path: folder, keys: 400, sizes: [30_000, 100_000], maxBytes };
    const writers = new DiskWriters(program, options);
    const work = Promise.all([0, 1, 2, 3].map((writer) => writers.lifeOf(writer, 3_000)));
    let most = 0;
    let over = false;
    void work.finally(() => {
      over = true;
    });
    while (!over) {
      most = Math.max(most, await bytesBelow(folder).catch(() => 0));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await work;
    expect([writers.broken, writers.errors]).toEqual([[], []]);
    expect(most).toBeGreaterThan(maxBytes / 2);
    expect(most).toBeLessThan(maxBytes * 2);
    const store = diskStore({ path: folder, maxBytes });
    await store.sweep();
    expect(await bytesBelow(join(folder, 'v1', 'n'))).toBeLessThanOrEqual(maxBytes);
    await store.close();
  }, 60_000);
});
