import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { codeOf, makeFolder, mkdir, namesIn } from './files.js';

/*
 * <path>/v1/                          the number changes with the form of what is below
 *   usage, sweeping                   see Ledger and Sweeper
 *   new/<process>-<random>            files that are being written
 *   n/<namespace's hash>/<epoch>/     the highest epoch counts; `clear` makes the next one
 *     tags                            see TagFile
 *     <3 digits of the key's hash>/
 *       <key's hash>.<version>        the highest version counts; an empty file says "deleted"
 *
 * A file appears under its name whole, by `link`, which fails where the name is taken: who wants to write version 8
 * because it has seen version 7 is told when another was first. That is all the locking there is, so no process that
 * dies leaves a lock behind.
 */

/** The version of a key that nobody wrote. */
export const NO_VERSION = 0;

const VERSION = /^([0-9a-f]{40})\.(\d{1,15})$/;
const EPOCH = /^\d{1,15}$/;

/** Where the versions of one key are. */
export interface KeyPlace {
  readonly folder: string;
  readonly hash: string;
}

/** The version that a file's name tells, `undefined` for files that are not ours. */
export function parseName(name: string): { hash: string; version: number } | undefined {
  const [, hash, version] = VERSION.exec(name) ?? [];
  return hash === undefined ? undefined : { hash, version: Number(version) };
}

/** The hash by which files of a key are named. */
function hashOfKey(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 40);
}

/** The paths of a store. */
export class Layout {
  readonly root: string;
  readonly ledger: string;
  readonly sweeping: string;
  readonly #new: string;
  readonly #namespaces: string;

  constructor(path: string) {
    this.root = join(path, 'v1');
    this.ledger = join(this.root, 'usage');
    this.sweeping = join(this.root, 'sweeping');
    this.#new = join(this.root, 'new');
    this.#namespaces = join(this.root, 'n');
  }

  /** Makes the folders that every operation counts on. */
  async make(): Promise<void> {
    await makeFolder(this.#new);
    await makeFolder(this.#namespaces);
  }

  get newFiles(): string {
    return this.#new;
  }

  newFile(): string {
    return join(this.#new, `${process.pid}-${randomBytes(9).toString('hex')}`);
  }

  async namespaceFolders(): Promise<readonly string[]> {
    const names = await namesIn(this.#namespaces);
    return names.map((name) => join(this.#namespaces, name));
  }

  namespaceFolder(namespace: string): string {
    const hash = createHash('sha256').update(namespace).digest('hex').slice(0, 32);
    return join(this.#namespaces, hash);
  }
}

/** Begins the next epoch of a namespace: everything in it is out of reach at once. */
export async function beginEpoch(namespaceFolder: string): Promise<void> {
  await makeFolder(namespaceFolder);
  const next = latestEpoch(await namesIn(namespaceFolder)) + 1;
  try {
    await mkdir(`${namespaceFolder}/${next}`, { mode: 0o700 });
  } catch (err) {
    // Another process did just now: that serves as well.
    if (codeOf(err) !== 'EEXIST') throw err;
  }
}

/** The epoch that counts among the names in a namespace's folder. */
export function latestEpoch(names: readonly string[]): number {
  let latest = 0;
  for (const name of names) if (EPOCH.test(name)) latest = Math.max(latest, Number(name));
  return latest;
}

/** Where a key is within the folder of an epoch. */
export function placeOf(epochFolder: string, key: string): KeyPlace {
  const hash = hashOfKey(key);
  return { folder: `${epochFolder}/${hash.slice(0, 3)}`, hash };
}

/** The latest version of a key and those that it supersedes. */
export async function versionsOf({ folder, hash }: KeyPlace): Promise<readonly number[]> {
  const versions: number[] = [];
  for (const name of await namesIn(folder)) {
    if (!name.startsWith(hash)) continue;
    const parsed = parseName(name);
    if (parsed !== undefined) versions.push(parsed.version);
  }
  return versions.sort((a, b) => b - a);
}

export function versionFile({ folder, hash }: KeyPlace, version: number): string {
  return `${folder}/${hash}.${version}`;
}
