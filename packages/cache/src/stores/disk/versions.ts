import { close, codeOf, link, lstat, makeFolder, open, unless, unlink } from './files.js';
import { type KeyPlace, NO_VERSION, versionFile, versionsOf } from './layout.js';
import { type Ledger, spaceOf } from './ledger.js';

/** Attempts after which something else than another process must be wrong. */
const ATTEMPTS = 100;

/** A version of a key whose file is open, or that there is none. */
export interface FoundVersion {
  readonly version: number;
  /** The caller closes it. `undefined`: the key has no file. */
  readonly fd: number | undefined;
}

/** The chain of versions of a key: finding the latest, adding the next. */
export class Versions {
  readonly #ledger: Ledger;
  readonly #removals = new Set<Promise<void>>();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  async openLatest(place: KeyPlace): Promise<FoundVersion> {
    for (let i = 0; i < ATTEMPTS; i += 1) {
      const [version = NO_VERSION] = await versionsOf(place);
      if (version === NO_VERSION) return { version, fd: undefined };
      const fd = await unless(open(versionFile(place, version), 'r'), 'ENOENT');
      if (fd !== undefined) return { version, fd };
      // Between the two steps a newer one took its place.
    }
    throw new Error('A file cannot be opened although it is there');
  }

  /**
   * Gives a file the name of the key's next version. Two who saw the same version cannot both succeed.
   * @param expected - the version that has to be the latest; any when not given
   */
  async publish(file: string, place: KeyPlace, expected?: number): Promise<boolean> {
    return this.#append(place, expected, (path) => link(file, path));
  }

  /** Adds a version that says "deleted": an empty file. */
  async publishDeletion(place: KeyPlace): Promise<void> {
    await this.#append(place, undefined, async (path) => close(await open(path, 'wx', 0o600)));
  }

  async #append(
    place: KeyPlace,
    expected: number | undefined,
    create: (path: string) => Promise<void>,
  ): Promise<boolean> {
    for (let i = 0; i < ATTEMPTS; i += 1) {
      const versions = await versionsOf(place);
      const [latest = NO_VERSION] = versions;
      if (expected !== undefined && expected !== latest) return false;
      try {
        await create(versionFile(place, latest + 1));
        if (versions.length > 0) this.#remove(place, versions);
        return true;
      } catch (err) {
        const code = codeOf(err);
        if (code === 'ENOENT') await makeFolder(place.folder);
        else if (code !== 'EEXIST') throw err;
      }
    }
    throw new Error('A file cannot be created');
  }

  /** Removes what the latest version has superseded, without holding anybody up. */
  #remove(place: KeyPlace, versions: readonly number[]): void {
    const remove = async (version: number): Promise<void> => {
      const file = versionFile(place, version);
      const size = (await lstat(file)).size;
      await unlink(file);
      if (size > 0) this.#ledger.add(-spaceOf(size), -1);
    };
    // What stays behind is superseded all the same, and the sweeper removes it.
    const work = Promise.allSettled(versions.map(remove)).then(() => {
      this.#removals.delete(work);
    });
    this.#removals.add(work);
  }

  /** Waits for removals in progress. */
  async settled(): Promise<void> {
    await Promise.all(this.#removals);
  }
}
