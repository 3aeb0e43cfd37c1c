import { EPOCH_LENGTH } from './redis-scripts.js';

/** Records remembered of one namespace: beyond it they are asked for again. */
const MAX_KNOWN = 10_000;
const NO_RECORD = Number.POSITIVE_INFINITY;

/** What the epoch key of a namespace holds. */
export interface NamespaceState {
  readonly epoch: string;
  /** `''` while no tag was ever invalidated. */
  readonly sequence: string;
}

/** Splits what the epoch key holds. */
export function namespaceState(meta: string): NamespaceState {
  return { epoch: meta.slice(0, EPOCH_LENGTH), sequence: meta.slice(EPOCH_LENGTH) };
}

/**
 * The records of tags in one namespace. What was read at a sequence holds as long as the sequence stands, so they are
 * asked for only after an invalidation, however many entries carry them.
 */
export class TagRecords {
  #state: NamespaceState = { epoch: '', sequence: '' };
  #known = new Map<string, number>();

  /**
   * The sequence of each tag's record; `Infinity`, which no entry outlives, where there is none.
   * @param fetch - reads records of the server
   */
  async read(
    state: NamespaceState,
    tags: ReadonlySet<string>,
    fetch: (tags: readonly string[]) => Promise<readonly (string | undefined)[]>,
  ): Promise<ReadonlyMap<string, number>> {
    const known = this.#at(state);
    const unknown = [...tags].filter((tag) => !known.has(tag));
    if (unknown.length === 0) return known;
    const records = await fetch(unknown);
    // Those who read at another state meanwhile have a map of their own by now.
    unknown.forEach((tag, i) => {
      known.set(tag, sequenceOf(records[i], state.epoch));
    });
    return known;
  }

  #at(state: NamespaceState): Map<string, number> {
    const { epoch, sequence } = this.#state;
    const same = epoch === state.epoch && sequence === state.sequence;
    if (!same || this.#known.size > MAX_KNOWN) {
      this.#state = state;
      this.#known = new Map();
    }
    return this.#known;
  }
}

function sequenceOf(record: string | undefined, epoch: string): number {
  if (record?.slice(0, EPOCH_LENGTH) !== epoch) return NO_RECORD;
  const sequence = Number(record.slice(EPOCH_LENGTH));
  return Number.isNaN(sequence) ? NO_RECORD : sequence;
}
