import { randomUUID } from 'node:crypto';
import { OWN } from './keys.js';
import { LowerTiers } from './lower-tiers.js';
import type { ResolvedOptions } from './options.js';
import { RemoteTier } from './remote-tier.js';
import { type Scope, splitKey } from './scope.js';
import type { SharedTier } from './shared-tier.js';
import { TagLog } from './tag-log.js';

/** A namespace of a realm, as told of what others did. */
export interface RealmMember {
  readonly scope: Scope;
  /** Forgets what it holds, or is about to hold, of these keys. */
  forget(keys: readonly string[] | 'all'): void;
  /** Invalidations by other processes may have been missed. */
  missed(first: boolean): void;
}

/** What a cache and the namespaces nested in it have in common: the shared tier, and which tags were invalidated. */
export class Realm {
  readonly options: ResolvedOptions;
  readonly tagLog: TagLog = new TagLog();
  readonly l2: RemoteTier | undefined;
  readonly l3: RemoteTier | undefined;
  /** L2 and L3 as one, or the one there is. */
  readonly shared: SharedTier | undefined;
  /** By the prefix of their scope. */
  readonly #members = new Map<string, RealmMember>();

  constructor(options: ResolvedOptions) {
    this.options = options;
    const { l2, l3 } = options;
    if (l2 !== undefined) this.l2 = new RemoteTier(l2, options, randomUUID(), this.tagLog);
    if (l3 !== undefined) this.l3 = new RemoteTier(l3, options, randomUUID(), this.tagLog);
    this.shared = this.l2 ?? this.l3;
    if (l2 === undefined || this.l2 === undefined || this.l3 === undefined) return;
    const listens = options.subscribe && l2.subscribe !== undefined;
    this.shared = new LowerTiers(this.l2, this.l3, listens);
  }

  /**
   * Returns what makes it leave. It is told what others change also where it has no L1: who comes after a change may not
   * join a load from before it.
   */
  join(member: RealmMember): () => void {
    this.#members.set(member.scope.prefix, member);
    if (this.options.subscribe) {
      this.shared?.listen({
        invalidated: (keys, tags) => this.#invalidated(keys, tags),
        connected: (first) => {
          for (const one of this.#members.values()) one.missed(first);
        },
      });
    }
    return () => this.#members.delete(member.scope.prefix);
  }

  /** Tags are the realm's: entries of all its namespaces may carry them. */
  async invalidateTags(tags: readonly string[]): Promise<void> {
    if (tags.length === 0) return;
    this.tagLog.invalidate(tags);
    await this.shared?.invalidateTags(tags);
  }

  /** Everything in a namespace and in those nested in it is forgotten here, whatever is in progress. */
  forgetBelow(scope: Scope): void {
    for (const member of this.#members.values()) {
      const inside = scope.path.every((name, i) => member.scope.path[i] === name);
      if (inside) member.forget('all');
    }
  }

  #invalidated(keys: readonly string[] | 'all', tags: readonly string[]): void {
    if (keys === 'all') {
      for (const member of this.#members.values()) member.forget('all');
      return;
    }
    for (const full of keys) {
      const { prefix, key } = splitKey(full);
      this.#members.get(prefix)?.forget([key]);
    }
    if (tags.length === 0) return;
    this.tagLog.invalidate(tags);
    for (const tag of tags) {
      if (tag.startsWith(OWN)) this.#forgetTagged(tag);
    }
  }

  /** A namespace was cleared elsewhere: it may be known here or not, and so may those nested in it. */
  #forgetTagged(tag: string): void {
    for (const member of this.#members.values()) {
      if (member.scope.tags.includes(tag)) member.forget('all');
    }
  }
}
