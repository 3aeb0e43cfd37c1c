import type { CacheStore } from '../store.js';

/** What the suite uses of a test runner: vitest and Jest fit, and `node:test` with a `expect` of one's choice. */
export interface TestRunner {
  describe(name: string, body: () => void): void;
  it(name: string, body: () => Promise<void>): void;
  expect(actual: unknown): { toEqual(expected: unknown): void };
}

export const MINUTE: number = 60_000;
const encoder = new TextEncoder();
export const decoder: InstanceType<typeof TextDecoder> = new TextDecoder();
export const bytesOf = (text: string): Uint8Array => encoder.encode(text);
export const wait = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));

let namespaces = 0;
/** A namespace of its own for each test, also among runs that share a server. */
export const fresh = (): string => {
  namespaces += 1;
  return `conformance-${process.pid}-${Date.now()}-${namespaces}`;
};

export async function texts(
  store: CacheStore,
  namespace: string,
  keys: readonly string[],
): Promise<(string | undefined)[]> {
  const reads = await store.getMany(namespace, keys);
  return reads.map(({ bytes }) => (bytes === undefined ? undefined : decoder.decode(bytes)));
}

export async function put(
  store: CacheStore,
  namespace: string,
  key: string,
  text: string,
): Promise<void> {
  await store.setMany(namespace, [{ key, bytes: bytesOf(text), ttlMs: MINUTE }]);
}

export async function fenceOf(store: CacheStore, namespace: string, key: string): Promise<string> {
  const [read] = await store.getMany(namespace, [key]);
  return read?.fence ?? 'no read';
}

/** Whether a write under this fence is made. */
export async function fill(
  store: CacheStore,
  namespace: string,
  fence: string,
  key = 'k',
  tags?: readonly string[],
): Promise<boolean | undefined> {
  const write = { key, bytes: bytesOf('filled'), ttlMs: MINUTE, fence, tags };
  return (await store.setMany(namespace, [write]))[0];
}

export type Define = (
  name: string,
  body: (store: CacheStore, namespace: string) => Promise<void>,
) => void;
