import {
  appendFile,
  cp,
  mkdtemp,
  readdir,
  readFile,
  rm,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createCache, type StoreRead } from '../../src/index.js';
import { type DiskCacheStore, type DiskStoreOptions, diskStore } from '../../src/stores/disk.js';
import { cacheStoreConformance } from '../../src/testing.js';

const MINUTE = 60_000;
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
let top: string;
let path: string;
let folders = 0;
const opened: DiskCacheStore[] = [];

beforeAll(async () => {
  top = await mkdtemp(join(tmpdir(), 'holdfast-disk-'));
});
beforeEach(() => {
  folders += 1;
  path = join(top, String(folders));
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()));
});
afterAll(() => rm(top, { recursive: true, force: true }));

function openStore(options: Partial<DiskStoreOptions> = {}): DiskCacheStore {
  const store = diskStore({ path, ...options });
  opened.push(store);
  return store;
}

const put = (store: DiskCacheStore, key: string, text: string, ttlMs = MINUTE): Promise<unknown> =>
  store.setMany('ns', [{ key, bytes: Buffer.from(text), ttlMs }]);

async function get(store: DiskCacheStore, key: string): Promise<string | undefined> {
  const [read] = await store.getMany('ns', [key]);
  return read?.bytes === undefined ? undefined : Buffer.from(read.bytes).toString();
}

/** The files of entries. */
async function files(): Promise<string[]> {
  const found = await readdir(join(path, 'v1', 'n'), { recursive: true, withFileTypes: true });
  const ofKeys = found.filter((one) => one.isFile() && one.name !== 'tags');
  return ofKeys.map((one) => join(one.parentPath, one.name));
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 500 && !(await condition()); i += 1) await wait(10);
}

cacheStoreConformance(
  { describe, it, expect },
  {
    name: 'disk',
    create: async () => diskStore({ path: join(top, 'conformance') }),
    capabilities: {
      subscribe: { absent: 'a folder does not tell who changed it' },
      claims: { absent: 'nobody who waits for a claim would hear that it was given up' },
    },
  },
);

describe('disk store', () => {
  it('keeps entries, deletions, tags and clears for the next process', async () => {
    const before = openStore();
    await put(before, 'kept', 'value');
    await put(before, 'deleted', 'value');
    await before.setMany('ns', [
      { key: 'tagged', bytes: Buffer.from('t'), ttlMs: MINUTE, tags: ['a'] },
    ]);
    await before.setMany('cleared', [{ key: 'k', bytes: Buffer.from('c'), ttlMs: MINUTE }]);
    const [fence] = await before.getMany('ns', ['absent']);
    await before.deleteMany('ns', ['deleted', 'absent']);
    await before.invalidateTags('ns', ['a']);
    await before.clear('cleared');
    await before.close();

    const after = openStore();
    const keys = ['kept', 'deleted', 'tagged'];
    expect(await Promise.all(keys.map((key) => get(after, key)))).toEqual([
      'value',
      undefined,
      undefined,
    ]);
    expect((await after.getMany('cleared', ['k']))[0]?.bytes).toBeUndefined();
    const late = { key: 'absent', bytes: Buffer.from('old'), ttlMs: MINUTE, fence: fence?.fence };
    expect(await after.setMany('ns', [late])).toEqual([false]);
  });

  it('never serves what expired while nobody ran, and removes it at start', async () => {
    const before = openStore();
    await put(before, 'short', 'x', 20);
    await put(before, 'long', 'y');
    await before.close();
    await wait(40);
    const after = openStore({ tombstoneTtl: 1 });
    expect(await get(after, 'short')).toBeUndefined();
    await until(() => after.stats().expired > 0);
    expect([after.stats().expired, (await files()).length, await get(after, 'long')]).toEqual([
      1,
      1,
      'y',
    ]);
  });

  it('removes what expires in the background', async () => {
    const store = openStore({ tombstoneTtl: 1, sweepInterval: 20 });
    await put(store, 'short', 'x', 30);
    await store.deleteMany('ns', ['other']);
    await until(async () => (await files()).length === 0);
    expect([await files(), store.stats().expired]).toEqual([[], 1]);
  });

  it('remembers for tombstoneTtl that a key was deleted or expired, whatever is swept', async () => {
    const store = openStore();
    const [a, b] = await store.getMany('ns', ['a', 'b']);
    await store.deleteMany('ns', ['a']);
    await put(store, 'b', 'x', 1);
    await wait(5);
    await store.sweep();
    const late = (key: string, read: StoreRead | undefined) => ({
      key,
      bytes: Buffer.from('old'),
      ttlMs: MINUTE,
      fence: read?.fence,
    });
    expect(await store.setMany('ns', [late('a', a), late('b', b)])).toEqual([false, false]);
  });

  it('removes what was used least recently when there are too many entries', async () => {
    const store = openStore({ maxEntries: 10 });
    for (let i = 0; i < 10; i += 1) {
      await put(store, `k${i}`, 'x');
      await wait(5);
    }
    for (const key of ['k0', 'k1']) await get(store, key);
    await put(store, 'k10', 'x');
    await store.sweep();
    const { entries, evictions } = store.stats();
    expect([entries, evictions, (await files()).length]).toEqual([9, 2, 9]);
    const left = await Promise.all(['k0', 'k1', 'k2', 'k3', 'k10'].map((key) => get(store, key)));
    expect(left).toEqual(['x', 'x', undefined, undefined, 'x']);
  });

  it('stays within its limit of bytes on disk, also across several handles', async () => {
    const limits = { maxBytes: 40 * 4_096 };
    const handles = [openStore(limits), openStore(limits)];
    const text = 'x'.repeat(5_000);
    for (let i = 0; i < 100; i += 1) for (const store of handles) await put(store, `k${i}`, text);
    for (const store of handles) await store.sweep();
    expect((await files()).length).toBeLessThanOrEqual(20);
    expect((await files()).length).toBeGreaterThan(10);
    // An estimate while removals go on in the background, exact once they have ended and were counted.
    for (const store of handles) {
      await until(async () => {
        await store.sweep();
        return store.stats().bytes === (await files()).length * 8_192;
      });
      expect(store.stats().bytes).toBe((await files()).length * 8_192);
    }
  });

  it('does not keep an entry that is larger than the limit, nor the value before it', async () => {
    const store = openStore({ maxBytes: 16_384 });
    await put(store, 'k', 'small');
    const write = { key: 'k', bytes: Buffer.alloc(20_000), ttlMs: MINUTE };
    expect(await store.setMany('ns', [write])).toEqual([false]);
    expect(await get(store, 'k')).toBeUndefined();
  });

  it('leaves one file a key, and none of those it wrote on the way', async () => {
    const store = openStore();
    for (let i = 0; i < 20; i += 1) await put(store, 'k', `value ${i}`);
    await store.close();
    expect([(await files()).length, await readdir(join(path, 'v1', 'new'))]).toEqual([1, []]);
  });

  it('leaves files alone that are not its own', async () => {
    const store = openStore({ tombstoneTtl: 1 });
    await put(store, 'k', 'x', 1);
    const [file = ''] = await files();
    const foreign = join(dirname(file), 'notes.txt');
    await writeFile(foreign, 'mine');
    await wait(5);
    await store.sweep();
    expect(await files()).toEqual([foreign]);
  });

  it('goes on when its folder is removed while it runs', async () => {
    const store = openStore();
    await put(store, 'k', 'x');
    // The store's first sweep may be at work in it.
    await rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
    expect(await get(store, 'k')).toBeUndefined();
    await put(store, 'k', 'y').catch(() => undefined);
    await put(store, 'k', 'y');
    expect(await get(store, 'k')).toBe('y');
  });

  it('fails with a code where the folder cannot be made, and a cache goes on without it', async () => {
    await writeFile(path, 'a file');
    const store = openStore();
    await expect(store.ping()).rejects.toMatchObject({ code: 'CACHE_STORE_UNAVAILABLE' });
    const cache = createCache({ namespace: 'no-folder', l2: store, resilience: { failures: 1 } });
    expect(await cache.getOrSet('k', () => 'made')).toBe('made');
    expect(cache.stats().l2?.circuit).toBe('open');
    await cache.close();
  });

  it.each([
    [{}, 'Expected `path`'],
    [{ path: '' }, 'Expected `path`'],
    [{ path: 'a\0b' }, 'Expected `path`'],
    [{ path: 'p', maxBytes: 0 }, 'Expected `maxBytes`'],
    [{ path: 'p', maxBytes: Number.NaN }, 'Expected `maxBytes`'],
    [{ path: 'p', maxEntries: -1 }, 'Expected `maxEntries`'],
    [{ path: 'p', maxEntries: 1.5 }, 'Expected `maxEntries`'],
    [{ path: 'p', sweepInterval: 0 }, 'Expected `sweepInterval`'],
    [{ path: 'p', tombstoneTtl: '2d' }, 'Expected `tombstoneTtl`'],
    [{ path: 'p', sync: 1 }, 'Expected `sync`'],
    [{ path: 'p', fsync: true }, 'Expected `options.fsync`'],
    [null, 'Expected `options`'],
  ])('refuses %o', (options, message) => {
    expect(() => diskStore(options as never)).toThrow(message);
  });
});

describe('disk store, damaged files', () => {
  const text = JSON.stringify({ value: 'x'.repeat(200) });
  let store: DiskCacheStore;
  let file: string;
  let whole: Buffer;
  beforeEach(async () => {
    store = openStore();
    await put(store, 'k', text);
    [file = ''] = await files();
    whole = await readFile(file);
  });

  /** What reading gives, and how many damaged entries that added. */
  async function reading(): Promise<[string | undefined, number]> {
    const before = store.stats().damaged;
    return [await get(store, 'k'), store.stats().damaged - before];
  }

  it('takes every flipped bit for a miss, and counts it', async () => {
    for (let bit = 0; bit < whole.length * 8; bit += 7) {
      const bytes = Buffer.from(whole);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      await writeFile(file, bytes);
      expect([bit, ...(await reading())]).toEqual([bit, undefined, 1]);
    }
  });

  it('takes every cut for a miss, and what was added too', async () => {
    for (const length of [1, 3, 43, 44, 60, whole.length - 1]) {
      await writeFile(file, whole);
      await truncate(file, length);
      expect([length, ...(await reading())]).toEqual([length, undefined, 1]);
    }
    await writeFile(file, whole);
    await appendFile(file, 'x');
    expect(await reading()).toEqual([undefined, 1]);
  });

  it('notices what was added to or cut from an entry of several reads', async () => {
    for (const size of [8_100, 8_142, 8_143, 8_192, 20_000]) {
      await put(store, 'k', 'y'.repeat(size));
      await until(async () => (await files()).length === 1);
      [file = ''] = await files();
      expect((await reading())[0]).toHaveLength(size);
      await appendFile(file, 'x');
      expect([size, ...(await reading())]).toEqual([size, undefined, 1]);
    }
  });

  it('takes entries of another program, another format and another key for a miss', async () => {
    const format = Buffer.from(whole);
    format[3] = 2;
    const hostile = '{"__proto__":{"polluted":true}}';
    for (const bytes of [
      format,
      Buffer.from(hostile),
      Buffer.from('{}'),
      Buffer.alloc(100, 0xff),
    ]) {
      await writeFile(file, bytes);
      expect(await reading()).toEqual([undefined, 1]);
    }
    await writeFile(file, whole);
    await put(store, 'other', 'theirs');
    const theirs = (await files()).find((one) => one !== file) ?? '';
    await cp(theirs, file);
    expect(await reading()).toEqual([undefined, 1]);
  });

  it('replaces a damaged entry by what a factory makes', async () => {
    await writeFile(file, 'junk');
    const [read] = await store.getMany('ns', ['k']);
    const fill = { key: 'k', bytes: Buffer.from('new'), ttlMs: MINUTE, fence: read?.fence };
    expect(await store.setMany('ns', [fill])).toEqual([true]);
    expect(await reading()).toEqual(['new', 0]);
  });

  it('counts a file that is empty as deleted, which it says', async () => {
    await truncate(file, 0);
    expect(await reading()).toEqual([undefined, 0]);
  });

  it('recovers the sum of what it holds from a damaged ledger', async () => {
    await store.sweep();
    for (const junk of [Buffer.alloc(7), Buffer.alloc(16, 0xff), Buffer.from('x'.repeat(160))]) {
      await writeFile(join(path, 'v1', 'usage'), junk);
      await store.sweep();
      expect([store.stats().entries, store.stats().bytes]).toEqual([1, 4_096]);
    }
  });
});
