// Writes to a store on disk that others write to as well, and tells what it does before and after it did it.
import { writeSync } from 'node:fs';
import { diskStore } from '../../src/stores/disk.js';
import { seal, unseal } from '../support/sealed.js';

const { path, writer, from, keys, sizes, maxBytes } = JSON.parse(process.argv[2] ?? '') as {
  readonly path: string;
  readonly writer: number;
  /** The first number to write. */
  readonly from: number;
  readonly keys: number;
  readonly sizes: readonly number[];
  readonly maxBytes: number;
};
const NAMESPACE = 'crash';
const TTL_MS = 600_000;
const store = diskStore({ path, maxBytes });
// Synchronous: what was said is not lost with the process.
const say = (...words: unknown[]): void => void writeSync(1, `${words.join(' ')}\n`);
const upTo = (count: number): number => Math.floor(Math.random() * count);

let number = from;
async function write(key: string): Promise<void> {
  number += 1;
  const mine = number;
  const dice = Math.random();
  const kind = dice < 0.15 ? 'delete' : 'set';
  say('begin', key, kind, mine);
  if (kind === 'delete') await store.deleteMany(NAMESPACE, [key]);
  else {
    const bytes = seal(key, mine, sizes[upTo(sizes.length)] ?? 1);
    if (dice > 0.9) {
      await store.setStream(NAMESPACE, key, pieces(bytes), { ttlMs: TTL_MS });
    } else await store.setMany(NAMESPACE, [{ key, bytes, ttlMs: TTL_MS }]);
  }
  say('done', key, kind, mine);
}

async function* pieces(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 10_000) yield bytes.subarray(at, at + 10_000);
}

async function read(): Promise<void> {
  const key = `${upTo(4)}-${upTo(keys)}`;
  const [found] = await store.getMany(NAMESPACE, [key]);
  if (found?.bytes && unseal(key, found.bytes) === 'broken') say('broken', key);
}

/** Each lane has keys of its own, which it changes one after the other. */
async function lane(at: number, lanes: number): Promise<void> {
  for (;;) {
    const key = `${writer}-${at + lanes * upTo(keys / lanes)}`;
    await write(key);
    if (Math.random() < 0.2) await read();
  }
}

say('ready');
await Promise.all([0, 1, 2, 3].map((at) => lane(at, 4)));
