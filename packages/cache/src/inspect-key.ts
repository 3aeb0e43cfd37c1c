import type { KeyInspection } from './cache.js';
import type { Clock } from './clock.js';
import { tagsWithoutScopes } from './scope.js';
import type { Tiers } from './tiers.js';

/** Where a key is and what is known of it, without leaving a trace. */
export async function inspectKey(
  key: string,
  tiers: Tiers,
  loading: boolean,
  clock: Clock,
): Promise<KeyInspection> {
  const l1 = tiers.l1?.inspect(key);
  const now = clock.now();
  const ageOf = (entry: { readonly createdAt: number }): number =>
    Math.max(0, now - entry.createdAt);
  const inL1 = l1 && {
    ageMs: ageOf(l1),
    remainingMs: Math.max(0, l1.expiresAt - now),
    graceMs: l1.goneAt - Math.max(now, l1.expiresAt),
    reads: l1.reads,
    tags: l1.tags,
  };
  const l2 = await tiers.l2?.inspect(tiers.scope.prefix + key);
  const inL2 = l2 && {
    ageMs: ageOf(l2),
    remainingMs: Math.max(0, l2.remainingMs - l2.graceMs),
    graceMs: Math.min(l2.graceMs, l2.remainingMs),
    bytes: l2.bytes,
    tags: tagsWithoutScopes(l2.tags),
  };
  return { key, l1: inL1 ?? null, l2: inL2 ?? null, loading };
}
