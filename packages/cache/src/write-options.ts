import type { Duration } from './duration.js';
import { checkEntryTags } from './keys.js';
import { checkKnown, duration, MAX_TIMER_MS, MAX_TTL_MS, optionInvalid } from './option-checks.js';

/** Options of what is stored. */
export interface SetOptions<T = unknown> {
  /**
   * Time to live, or a function of the value. 0 does not store.
   * @defaultValue the cache's `ttl`
   */
  ttl?: Duration | ((value: T) => Duration);
  /**
   * Names by which `invalidateTags` finds the entry, or a function of the value: up to 64 of 1–256 characters.
   * @defaultValue none
   */
  tags?: readonly string[] | ((value: T) => readonly string[]);
  /**
   * How long after its time to live the value may still be served by `getOrSet` in place of an error of its factory,
   * or of a wait for it. 0: never.
   * @defaultValue the cache's `grace`
   */
  grace?: Duration;
}

/** How factories are run: defaults of a cache, or of one call. */
export interface LoadPolicy {
  /**
   * Longest wait for a factory when there is a stale value: then that is served, and the factory goes on in the
   * background. 0 serves it at once (stale while revalidate). Needs `grace`.
   * @defaultValue waits for the factory
   */
  softTimeout?: Duration;
  /**
   * Longest time a factory may take. Then its signal aborts, and its callers get the stale value, or the error
   * `CACHE_TIMEOUT`.
   * @defaultValue no limit
   */
  hardTimeout?: Duration;
  /**
   * The share of its time to live, 0–1, after which a hit renews an entry in the background. 1: never before its end.
   * @defaultValue 1
   */
  refreshAhead?: number;
  /**
   * How long a stale value is served after its factory failed before the factory is tried again.
   * @defaultValue `'1s'`
   */
  graceRetry?: Duration;
}

/** Options of {@link Cache.getOrSet}. */
export interface LoadOptions<T = unknown> extends SetOptions<T>, LoadPolicy {
  /**
   * Ends the caller's wait with the signal's reason. The factory is aborted when nobody waits for it any more.
   */
  signal?: AbortSignal;
}

/** What a write does where its options do not say. */
export interface WriteDefaults {
  readonly ttlMs: number;
  /** Time to live of `null`; `undefined`: that of other values. */
  readonly negativeTtlMs: number | undefined;
  readonly jitter: number;
  readonly graceMs: number;
  readonly softMs: number | undefined;
  readonly hardMs: number | undefined;
  readonly refreshAhead: number;
  readonly graceRetryMs: number;
}

/** Of one entry: how long it is fresh, stale after that, and by which tags it is found. */
export interface EntryPlan {
  /** 0: it is not stored. */
  readonly ttlMs: number;
  readonly graceMs: number;
  /** The share of {@link ttlMs} after which a hit renews it. */
  readonly refreshAhead: number;
  readonly tags: readonly string[];
}

/** What a factory said through its context. */
export interface PlanOverrides {
  readonly ttlMs: number | undefined;
  readonly tags: readonly string[] | undefined;
}

const NO_TAGS: readonly string[] = [];
const SET_KEYS = ['ttl', 'tags', 'grace'];
const POLICY_KEYS = ['softTimeout', 'hardTimeout', 'refreshAhead', 'graceRetry'];
const LOAD_KEYS = [...SET_KEYS, ...POLICY_KEYS, 'signal'];

/** Milliseconds of a time to live. */
export function ttlOf(value: unknown): number {
  return Math.ceil(duration('ttl', value, 0, MAX_TTL_MS));
}

/** Milliseconds of a grace. */
export function graceOf(value: unknown): number {
  return Math.ceil(duration('grace', value, 0, MAX_TTL_MS));
}

/** Refuses malformed options of a write before anything is done. */
export function checkSetOptions(
  options: SetOptions<never>,
  known: readonly string[] = SET_KEYS,
): void {
  checkKnown(options, 'options', known);
  const { ttl, tags, grace } = options;
  if (ttl !== undefined && typeof ttl !== 'function') ttlOf(ttl);
  if (tags !== undefined && typeof tags !== 'function') checkEntryTags(tags);
  if (grace !== undefined) graceOf(grace);
}

/** Refuses malformed options of a load, before anything is done. */
export function checkLoadOptions(options: LoadOptions<never>): void {
  checkSetOptions(options, LOAD_KEYS);
  resolvePolicy(options);
  const { signal } = options;
  if (signal !== undefined && !(typeof signal === 'object' && 'aborted' in signal)) {
    throw optionInvalid('signal', 'an AbortSignal', signal);
  }
}

/** Checks what is given of a policy and turns it into milliseconds. */
export function resolvePolicy(policy: LoadPolicy): Partial<WriteDefaults> {
  const { softTimeout, hardTimeout, refreshAhead, graceRetry } = policy;
  const ms = (option: string, value: unknown, min: number): number =>
    duration(option, value, min, MAX_TIMER_MS);
  const share = typeof refreshAhead === 'number' && refreshAhead > 0 && refreshAhead <= 1;
  if (refreshAhead !== undefined && !share) {
    throw optionInvalid('refreshAhead', 'a number above 0 up to 1', refreshAhead);
  }
  return {
    ...(softTimeout !== undefined && { softMs: ms('softTimeout', softTimeout, 0) }),
    ...(hardTimeout !== undefined && { hardMs: ms('hardTimeout', hardTimeout, 1) }),
    ...(refreshAhead !== undefined && { refreshAhead }),
    ...(graceRetry !== undefined && { graceRetryMs: ms('graceRetry', graceRetry, 1) }),
  };
}

/** What becomes of a value. */
export function planOf<T>(
  value: T,
  options: SetOptions<T>,
  defaults: WriteDefaults,
  overrides?: PlanOverrides,
): EntryPlan {
  const { tags, grace } = options;
  const named = typeof tags === 'function' ? checkEntryTags(tags(value)) : (tags ?? NO_TAGS);
  const added = overrides?.tags ?? NO_TAGS;
  return {
    ttlMs: shortened(overrides?.ttlMs ?? ttlFor(value, options, defaults), defaults.jitter),
    graceMs: grace === undefined ? defaults.graceMs : graceOf(grace),
    refreshAhead: defaults.refreshAhead,
    tags:
      named.length + added.length < 2
        ? added.length === 0
          ? named
          : added
        : checkEntryTags([...named, ...added]),
  };
}

function ttlFor<T>(value: T, { ttl }: SetOptions<T>, defaults: WriteDefaults): number {
  if (ttl !== undefined) return ttlOf(typeof ttl === 'function' ? ttl(value) : ttl);
  return value === null ? (defaults.negativeTtlMs ?? defaults.ttlMs) : defaults.ttlMs;
}

function shortened(ttlMs: number, jitter: number): number {
  if (ttlMs === 0 || jitter === 0) return ttlMs;
  return Math.max(1, Math.ceil(ttlMs * (1 - jitter * Math.random())));
}
