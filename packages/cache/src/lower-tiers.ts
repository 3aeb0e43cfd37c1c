import type { ClaimAnswer } from './claims.js';
import type { OnRead, RemoteEntry, RemoteRead } from './read-batch.js';
import type { RemoteTier } from './remote-tier.js';
import type { RemoteWrite, SharedTier, TierEvents } from './shared-tier.js';
import type { StoreClaim } from './store.js';

/** The fences of both tiers, `null` where a tier said nothing. */
type Fences = readonly [l2: string | null, l3: string | null];

/**
 * L2 over L3: what L2 does not have may be in L3. An entry found there goes to L2 for the time that remains, once it is
 * certain that nobody has invalidated it.
 *
 * L3 is of this machine alone, so what others change reaches it by the messages of L2. Where such messages may have
 * been missed (before the first connection, and when one was lost) nothing in L3 is certain: it is cleared, and not
 * asked before that. Where L2 remembers that a key was deleted, L3 is not asked either.
 */
export class LowerTiers implements SharedTier {
  readonly #l2: RemoteTier;
  readonly #l3: RemoteTier;
  readonly #listens: boolean;
  /** Whether L3 was cleared since this began to listen, if it listens. */
  #cleared: boolean;

  /** @param listens - whether messages of L2 are going to arrive */
  constructor(l2: RemoteTier, l3: RemoteTier, listens: boolean) {
    this.#l2 = l2;
    this.#l3 = l3;
    this.#listens = listens;
    this.#cleared = !listens;
  }

  listen(events: TierEvents): void {
    this.#l2.listen({
      invalidated: (keys, tags) => {
        events.invalidated(keys, tags);
        // Never rejects; `close` waits for it.
        void this.#invalidateL3(keys, tags);
      },
      connected: (first) => {
        // L3 is left alone from the moment in which `clear` is called.
        void this.#l3.clear();
        this.#cleared = true;
        events.connected(first);
      },
    });
  }

  async #invalidateL3(keys: readonly string[] | 'all', tags: readonly string[]): Promise<void> {
    if (keys === 'all') await this.#l3.clear();
    else await Promise.all([this.#l3.remove(keys), this.#l3.invalidateTags(tags)]);
  }

  read(key: string, onRead: OnRead): void {
    this.#l2.read(key, (above) => {
      // Never rejects.
      if (above?.deleted === true) void this.#removeOutdated(key);
      if (above?.entry !== undefined || above?.deleted === true || !this.#isCertain(above)) {
        onRead(above && { ...above, fence: join([above.fence, null]) });
        return;
      }
      this.#l3.read(key, (below) => onRead(this.#merge(key, above, below)));
    });
  }

  /** What L2 knows to be deleted is asked for again and again: what is gone is not deleted each time. */
  async #removeOutdated(key: string): Promise<void> {
    if ((await this.#l3.inspect(key)) !== undefined) await this.#l3.remove([key]);
  }

  /**
   * Whether what happened elsewhere has reached L3. Where L2 cannot be asked at all it is what there is, as in L1; but
   * L2 that answers without its messages arriving may have seen changes that L3 did not.
   */
  #isCertain(above: RemoteRead | undefined): boolean {
    return this.#cleared && (above === undefined || !this.#listens || this.#l2.subscribed);
  }

  #merge(
    key: string,
    above: RemoteRead | undefined,
    below: RemoteRead | undefined,
  ): RemoteRead | undefined {
    if (above === undefined && below === undefined) return undefined;
    const entry = below?.entry;
    // Never rejects.
    if (entry !== undefined && above !== undefined) void this.#promote(key, entry, above.fence);
    return {
      entry: entry && { ...entry, tier: 'l3' },
      fence: join([above?.fence ?? null, below?.fence ?? null]),
    };
  }

  /**
   * L2 would keep what somebody has invalidated there a moment ago: it has no trace of an entry that it did not hold, and
   * the message may be on its way. So all that was told before L2 was asked has to arrive first; if the entry is still
   * there after it, the fence answers for the rest.
   */
  async #promote(key: string, entry: RemoteEntry, fence: string): Promise<void> {
    if (!this.#listens || !(await this.#l2.heard())) return;
    const still = await this.#l3.inspect(key, entry.tags);
    if (still?.createdAt === entry.createdAt) this.#l2.fill(again(key, still), fence, nothing);
  }

  fill(write: RemoteWrite, fence: string, ended: () => void): void {
    const [l2, l3] = split(fence);
    if (l3 !== null) this.#l3.fill(write, l3, nothing);
    if (l2 === null) ended();
    else this.#l2.fill(write, l2, ended);
  }

  async claim(key: string, fence: string): Promise<ClaimAnswer> {
    const [l2] = split(fence);
    return l2 === null ? undefined : this.#l2.claim(key, l2);
  }

  release(claim: StoreClaim): void {
    this.#l2.release(claim);
  }

  async write(writes: readonly RemoteWrite[]): Promise<void> {
    await Promise.all([this.#l2.write(writes), this.#l3.write(writes)]);
  }

  async remove(keys: readonly string[]): Promise<void> {
    await Promise.all([this.#l2.remove(keys), this.#l3.remove(keys)]);
  }

  async invalidateTags(tags: readonly string[]): Promise<void> {
    await Promise.all([this.#l2.invalidateTags(tags), this.#l3.invalidateTags(tags)]);
  }

  async clear(): Promise<void> {
    await Promise.all([this.#l2.clear(), this.#l3.clear()]);
  }

  async close(): Promise<void> {
    // L2 first: until then its messages may still reach L3.
    await this.#l2.close();
    await this.#l3.close();
  }
}

const nothing = (): void => undefined;
const join = (fences: Fences): string => JSON.stringify(fences);
const split = (fence: string): Fences => JSON.parse(fence) as Fences;

/** An entry as it is to be written once more, with the time that it has left. */
function again(key: string, entry: RemoteEntry): RemoteWrite {
  const { value, createdAt, remainingMs, tags } = entry;
  const graceMs = Math.min(entry.graceMs, remainingMs);
  return { key, value, ttlMs: remainingMs - graceMs, graceMs, tags, createdAt };
}
