import { mkdtemp, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type DiskCacheStore, type DiskStoreOptions, diskStore } from '../../src/stores/disk.js';

const MINUTE = 60_000;
let path: string;
const opened: DiskCacheStore[] = [];

beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'holdfast-upkeep-'));
});
afterEach(async () => {
  vi.useRealTimers();
  await Promise.all(opened.splice(0).map((store) => store.close()));
  await rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
});

function openStore(options: Partial<DiskStoreOptions>): DiskCacheStore {
  const store = diskStore({ path, ...options });
  opened.push(store);
  return store;
}

async function put(store: DiskCacheStore, key: string, tags?: string[]): Promise<boolean> {
  const write = { key, bytes: Buffer.from(key), ttlMs: MINUTE, tags };
  return (await store.setMany('ns', [write]))[0] ?? false;
}

async function has(store: DiskCacheStore, key: string): Promise<boolean> {
  return (await store.getMany('ns', [key]))[0]?.bytes !== undefined;
}

describe('upkeep of a store on disk', () => {
  it('reads do not wait behind writes that wait for room, which wait together', async () => {
    const store = openStore({ maxEntries: 1 });
    await store.sweep();
    // As if another process were sweeping: nothing makes room.
    const sweeping = join(path, 'v1', 'sweeping');
    await writeFile(sweeping, String(process.pid));
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    expect([await put(store, 'a'), await put(store, 'b')]).toEqual([true, true]);
    const writes = Array.from({ length: 200 }, (_, i) => put(store, `more ${i}`));
    // The clock stands still, and with it those writes.
    expect([await has(store, 'a'), await has(store, 'b')]).toEqual([true, true]);
    await vi.advanceTimersByTimeAsync(100);
    expect((await Promise.all(writes)).some(Boolean)).toBe(false);
    await unlink(sweeping);
    let swept = false;
    const sweep = store.sweep().then(() => {
      swept = true;
    });
    while (!swept) await vi.advanceTimersByTimeAsync(20);
    await sweep;
  });

  it('counts anew when it cannot tell what it holds, long before the next sweep', async () => {
    const store = openStore({ maxEntries: 5, sweepInterval: '1d' });
    await store.sweep();
    await writeFile(join(path, 'v1', 'usage'), 'damaged');
    const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
    for (const key of keys) {
      await put(store, key);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const held = async () =>
      (await Promise.all(keys.map((key) => has(store, key)))).filter(Boolean);
    for (let i = 0; i < 200 && (await held()).length > 6; i += 1) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect((await held()).length).toBeLessThanOrEqual(6);
  });

  it('hears of invalidated tags after somebody removed its folder', async () => {
    const store = openStore({});
    await put(store, 'k', ['t']);
    await store.invalidateTags('ns', ['a', 'b', 'c', 'd']);
    expect(await has(store, 'k')).toBe(true);
    await rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
    await put(store, 'k', ['t']).catch(() => undefined);
    await put(store, 'k', ['t']);
    expect(await has(store, 'k')).toBe(true);
    await store.invalidateTags('ns', ['t']);
    expect(await has(store, 'k')).toBe(false);
  });
});
