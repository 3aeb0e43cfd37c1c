import type { StoreRead } from '../../store.js';
import type { EntryName } from './entry.js';
import { type OpenEntry, readHead, readValue } from './entry-file.js';
import { fenceText } from './fence.js';
import { close } from './files.js';
import { placeOf, versionFile } from './layout.js';
import type { Epoch, NamespaceState } from './namespace.js';
import type { Stamps } from './stamps.js';
import type { Versions } from './versions.js';

/** What a key's files say. An entry that is there is open. */
export interface Found {
  readonly version: number;
  /** Whether the latest version says that the key was deleted. */
  readonly deleted: boolean;
  readonly file: string;
  readonly entry: OpenEntry | undefined;
}

/** What a read is made of. */
export interface Got {
  readonly version: number;
  readonly deleted: boolean;
  readonly entry?: OpenEntry;
  readonly bytes?: Buffer;
}

/** Finds and reads the latest versions of keys. */
export class Reader {
  readonly #versions: Versions;
  readonly #stamps: Stamps;
  readonly #inBackground: (work: Promise<void>) => void;
  /** Entries that were not as they were written. */
  damaged = 0;

  /** @param inBackground - takes work that nobody waits for but the closing of the store */
  constructor(versions: Versions, stamps: Stamps, inBackground: (work: Promise<void>) => void) {
    this.#versions = versions;
    this.#stamps = stamps;
    this.#inBackground = inBackground;
  }

  /** Opens the latest version of a key; the caller closes it. */
  async find(epoch: Epoch, name: EntryName): Promise<Found> {
    const place = placeOf(epoch.folder, name.key);
    const { version, fd } = await this.#versions.openLatest(place);
    const file = versionFile(place, version);
    if (fd === undefined) return { version, file, deleted: false, entry: undefined };
    let entry: OpenEntry | undefined;
    try {
      const head = await readHead(fd, name);
      if (head === 'damaged') this.damaged += 1;
      else if (head !== 'deleted') entry = head;
      return { version, file, deleted: head === 'deleted', entry };
    } finally {
      if (entry === undefined) this.#inBackground(close(fd));
    }
  }

  /** Reads the latest version of a key, unless it expired. */
  async get(epoch: Epoch, name: EntryName): Promise<Got> {
    const { version, file, deleted, entry } = await this.find(epoch, name);
    if (entry === undefined) return { version, deleted };
    try {
      const now = Date.now();
      if (entry.head.expiresAt <= now) return { version, deleted };
      const bytes = await readValue(entry);
      if (bytes === undefined) {
        this.damaged += 1;
        return { version, deleted };
      }
      this.#stamps.note(file, now, entry.head.expiresAt);
      return { version, deleted, entry, bytes };
    } finally {
      this.#inBackground(close(entry.fd));
    }
  }
}

/** What was read, in the light of the namespace's state. */
export function readOf({ version, deleted, entry, bytes }: Got, state: NamespaceState): StoreRead {
  const fence = fenceText(version, state);
  if (entry !== undefined && bytes !== undefined) {
    const { expiresAt, tags, tagsSeen } = entry.head;
    const remainingMs = expiresAt - Date.now();
    if (remainingMs > 0 && !state.epoch.tags.invalidatedSince(tags, tagsSeen)) {
      return { bytes, remainingMs, fence, tags };
    }
  }
  const none = { bytes: undefined, remainingMs: 0, fence };
  // An entry that is there and not alive is expired, or one of its tags was invalidated.
  const outdated = entry !== undefined && entry.head.expiresAt > Date.now();
  return deleted || outdated ? { ...none, deleted: true } : none;
}
