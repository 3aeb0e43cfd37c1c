import { makeFolder, namesIn } from './files.js';
import { beginEpoch, latestEpoch } from './layout.js';
import { TagFile } from './tag-file.js';

/** A namespace from one `clear` to the next. */
export interface Epoch {
  readonly number: number;
  readonly folder: string;
  readonly tags: TagFile;
}

/** The state that counts for all entries of a namespace, at one moment. */
export interface NamespaceState {
  readonly epoch: Epoch;
  /** The end of the epoch's log of tags. */
  readonly tagsSeen: number;
}

/** A namespace's folder; asks it anew each time, since other processes change it. */
export class Namespace {
  readonly #folder: string;
  #epoch: Epoch;

  constructor(folder: string) {
    this.#folder = folder;
    this.#epoch = this.#make(0);
  }

  #make(number: number): Epoch {
    const folder = `${this.#folder}/${number}`;
    return { number, folder, tags: new TagFile(`${folder}/tags`) };
  }

  /** The epoch that counted last. */
  get lastEpoch(): Epoch {
    return this.#epoch;
  }

  async state(): Promise<NamespaceState> {
    for (;;) {
      const epoch = this.#epoch;
      const [names, tagsSeen] = await Promise.all([namesIn(this.#folder), epoch.tags.end()]);
      const number = latestEpoch(names);
      if (number === epoch.number) return { epoch, tagsSeen };
      if (this.#epoch === epoch) this.#epoch = this.#make(number);
    }
  }

  async clear(): Promise<void> {
    await beginEpoch(this.#folder);
  }

  async invalidateTags(tags: readonly string[]): Promise<void> {
    for (;;) {
      const { epoch } = await this.state();
      await makeFolder(epoch.folder);
      await epoch.tags.append(tags);
      // Where the namespace was cleared meanwhile, its new entries have to hear of it too.
      if ((await this.state()).epoch === epoch) return;
    }
  }
}
