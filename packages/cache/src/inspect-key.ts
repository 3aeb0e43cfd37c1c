import type { KeyInspection, StoredInspection } from './cache.js';
import type { RemoteEntry } from './read-batch.js';
import type { Realm } from './realm.js';
import { tagsWithoutScopes } from './scope.js';
import type { Tiers } from './tiers.js';

/** Where a key is and what is known of it, without leaving a trace. */
export async function inspectKey(
  key: string,
  tiers: Tiers,
  realm: Realm,
  loading: boolean,
): Promise<KeyInspection> {
  const l1 = tiers.l1?.inspect(key);
  const now = realm.options.clock.now();
  const ageOf = (entry: { readonly createdAt: number }): number =>
    Math.max(0, now - entry.createdAt);
  const inL1 = l1 && {
    ageMs: ageOf(l1),
    remainingMs: Math.max(0, l1.expiresAt - now),
    graceMs: l1.goneAt - Math.max(now, l1.expiresAt),
    reads: l1.reads,
    tags: l1.tags,
  };
  const stored = (entry: RemoteEntry | undefined): StoredInspection | null =>
    entry === undefined
      ? null
      : {
          ageMs: ageOf(entry),
          remainingMs: Math.max(0, entry.remainingMs - entry.graceMs),
          graceMs: Math.min(entry.graceMs, entry.remainingMs),
          bytes: entry.bytes,
          tags: tagsWithoutScopes(entry.tags),
        };
  const full = tiers.scope.prefix + key;
  const [inL2, inL3] = await Promise.all([realm.l2?.inspect(full), realm.l3?.inspect(full)]);
  return { key, l1: inL1 ?? null, l2: stored(inL2), l3: stored(inL3), loading };
}
