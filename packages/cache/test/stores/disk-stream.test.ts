import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DiskCacheStore, diskStore } from '../../src/stores/disk.js';

const MINUTE = 60_000;
const MIB = 2 ** 20;

describe('disk store, values in pieces', () => {
  let path: string;
  let store: DiskCacheStore;
  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'holdfast-stream-'));
    store = diskStore({ path, maxBytes: 256 * MIB });
  });
  afterEach(async () => {
    await store.close();
    await rm(path, { recursive: true, force: true });
  });

  async function* pieces(count: number, size: number): AsyncGenerator<Buffer> {
    for (let i = 0; i < count; i += 1) yield Buffer.alloc(size, i);
  }

  async function collect(source: AsyncIterable<Uint8Array> | undefined): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    for await (const part of source ?? []) parts.push(part);
    return Buffer.concat(parts);
  }

  const write = (source: AsyncIterable<Uint8Array>, tags?: string[]): Promise<boolean> =>
    store.setStream('ns', 'k', source, { ttlMs: MINUTE, ...(tags && { tags }) });

  async function fileOfEntry(): Promise<string> {
    const found = await readdir(join(path, 'v1', 'n'), { recursive: true, withFileTypes: true });
    const file = found.find((one) => one.isFile());
    return file === undefined ? '' : join(file.parentPath, file.name);
  }

  it('takes and gives 100 MB without holding them in memory', async () => {
    const expected = createHash('sha256');
    for await (const piece of pieces(100, 1_000_000)) expected.update(piece);
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    const look = (): void => {
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    };
    async function* watched(): AsyncGenerator<Buffer> {
      for await (const piece of pieces(100, 1_000_000)) {
        look();
        yield piece;
      }
    }
    expect(await write(watched())).toBe(true);
    const read = await store.getStream('ns', 'k');
    expect([read?.length, (read?.remainingMs ?? 0) > 0]).toEqual([100_000_000, true]);
    const got = createHash('sha256');
    for await (const piece of read?.stream ?? []) {
      look();
      got.update(piece as Buffer);
    }
    expect(got.digest('hex')).toBe(expected.digest('hex'));
    expect(most).toBeLessThan(64 * MIB);
  });

  it('shows nothing of a value before it is whole, and nothing of one that fails', async () => {
    async function* failing(): AsyncGenerator<Buffer> {
      yield Buffer.alloc(100_000);
      expect(await store.getStream('ns', 'k')).toBeUndefined();
      throw new Error('source failed');
    }
    await expect(write(failing())).rejects.toThrow('source failed');
    expect(await store.getStream('ns', 'k')).toBeUndefined();
    await store.close();
    expect(await readdir(join(path, 'v1', 'new'))).toEqual([]);
  });

  it('does not store a value whose key, tag or namespace was invalidated while it came', async () => {
    const invalidations = [
      () => store.deleteMany('ns', ['k']),
      () => store.invalidateTags('ns', ['t']),
      () => store.clear('ns'),
      () => store.setMany('ns', [{ key: 'k', bytes: Buffer.from('newer'), ttlMs: MINUTE }]),
    ];
    for (const invalidate of invalidations) {
      async function* source(): AsyncGenerator<Buffer> {
        yield Buffer.from('a');
        await invalidate();
        yield Buffer.from('b');
      }
      expect(await write(source(), ['t'])).toBe(false);
    }
    expect(await write(pieces(2, 2), ['t'])).toBe(true);
  });

  it('stops at its limit of bytes', async () => {
    const small = diskStore({ path: join(path, 'small'), maxBytes: 64 * 1_024 });
    const done = small.setStream('ns', 'k', pieces(1_000, 10_000), { ttlMs: MINUTE });
    expect(await done).toBe(false);
    expect(await small.getStream('ns', 'k')).toBeUndefined();
    await small.close();
  });

  it('fails instead of ending when the value is not as it was written', async () => {
    await write(pieces(10, 100_000));
    const whole = await store.getStream('ns', 'k');
    expect(await collect(whole?.stream)).toHaveLength(1_000_000);
    const file = await fileOfEntry();
    await writeFile(file, 'xyz', { flag: 'r+' });
    expect(await store.getStream('ns', 'k')).toBeUndefined();

    await store.deleteMany('ns', ['k']);
    await write(pieces(10, 100_000));
    const cut = await store.getStream('ns', 'k');
    await truncate(await fileOfEntry(), 900_000);
    await expect(collect(cut?.stream)).rejects.toMatchObject({ code: 'CACHE_ENTRY_DAMAGED' });
    expect(store.stats().damaged).toBe(2);
  });

  it('gives a value to its end although it is deleted meanwhile, and takes a reader that leaves', async () => {
    await write(pieces(10, 100_000));
    const [read, left] = [await store.getStream('ns', 'k'), await store.getStream('ns', 'k')];
    left?.stream.destroy();
    await store.deleteMany('ns', ['k']);
    expect(await collect(read?.stream)).toHaveLength(1_000_000);
  });

  it.each([
    ['ttlMs', { ttlMs: 0 }],
    ['ttlMs', { ttlMs: Number.NaN }],
    ['tags', { ttlMs: 1, tags: [''] }],
  ])('refuses a malformed `%s`', async (option, options) => {
    const writing = store.setStream('ns', 'k', pieces(1, 1), options);
    await expect(writing).rejects.toMatchObject({ code: 'CACHE_OPTION_INVALID' });
    await expect(writing).rejects.toThrow(option);
    await expect(store.setStream('ns', 'k', 'x' as never, { ttlMs: 1 })).rejects.toThrow('source');
  });

  it('refuses pieces that are not bytes', async () => {
    const source = (async function* () {
      yield 'text';
    })();
    await expect(write(source as never)).rejects.toThrow('bytes');
  });
});
