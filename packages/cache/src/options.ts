import { type Clock, systemClock } from './clock.js';
import type { Duration } from './duration.js';
import { type L1Options, type ResolvedL1, resolveL1 } from './l1-options.js';
import { type Logger, silentLogger } from './logger.js';
import { checkKnown, duration, integer, MAX_TIMER_MS, optionInvalid } from './option-checks.js';
import { jsonSerializer } from './serializers/json.js';
import type { Serializer } from './serializers/serializer.js';
import type { CacheStore } from './store.js';
import type { ValueSchema } from './value-schema.js';
import {
  graceOf,
  type LoadPolicy,
  resolvePolicy,
  ttlOf,
  type WriteDefaults,
} from './write-options.js';

/** How the cache lives with a store that is slow or away. */
export interface ResilienceOptions {
  /**
   * Longest time one operation on L2 may take; then the cache goes on without it.
   * @defaultValue `'500ms'`
   */
  timeout?: Duration;
  /**
   * Failed operations in a row (time limits included) after which L2 is left alone.
   * @defaultValue 3
   */
  failures?: number;
  /**
   * Time between attempts to reach a store that is left alone, and to repair what did not reach it; varied by ±20 %.
   * Made in the background: no caller waits for them.
   * @defaultValue `'1s'`
   */
  retryAfter?: Duration;
  /**
   * Most keys remembered whose change did not reach L2. Beyond it the whole namespace is cleared on recovery.
   * @defaultValue 10,000
   */
  maxAwaitingRepair?: number;
}

/** Options of a namespace: of a cache, or of one nested in it. A nested one takes what is not given from above. */
export interface NamespaceOptions<V = unknown> extends LoadPolicy {
  /**
   * The memory of this process; `false` for none. A nested namespace has one of its own.
   * @defaultValue 10,000 entries
   */
  l1?: L1Options | false;
  /**
   * Time to live of an entry for which nothing else is said. 0 keeps nothing.
   * @defaultValue `'5m'`
   */
  ttl?: Duration;
  /**
   * Time to live of `null`, which says that there is none.
   * @defaultValue `ttl`
   */
  negativeTtl?: Duration;
  /**
   * How long after its time to live a value may still be served by `getOrSet` in place of an error of its factory, or
   * of a wait for it.
   * @defaultValue 0
   */
  grace?: Duration;
  /**
   * Share of the time to live, 0–1, by which it is shortened at random, so that what was stored together does not
   * expire together.
   * @defaultValue 0
   */
  jitter?: number;
  /**
   * Validates values that come from a shared tier: one that does not fit is a miss, and counted. What the schema makes
   * of a value is what callers get. A nested namespace does not take it from above.
   * @defaultValue none
   */
  schema?: ValueSchema<V>;
}

/** Options of {@link createCache}. */
export interface CacheOptions<V = unknown> extends NamespaceOptions<V> {
  /**
   * Names the cache: 1–64 of letters, digits and `.`, `_`, `:`, `-`, starting with a letter or digit. Caches of one
   * namespace share the entries of L2 and L3.
   */
  namespace: string;
  /**
   * A store shared by processes, such as `redisStore(client)`. The cache never closes it.
   * @defaultValue none
   */
  l2?: CacheStore;
  /**
   * A store of this machine below all others, such as `diskStore({ path })`. With an L2 that tells of invalidations
   * it holds what was stored since the cache was made and the connection stood; alone it keeps its entries from one
   * start to the next. The cache never closes it.
   * @defaultValue none
   */
  l3?: CacheStore;
  /**
   * The form of values in L2 and L3.
   * @defaultValue JSON
   */
  serializer?: Serializer;
  /**
   * Version of the values' shape (1–32 of letters, digits, `.`, `_`, `-`). Entries of another version in L2 and L3 are
   * misses.
   * @defaultValue `'1'`
   */
  version?: string;
  /** @defaultValue see each */
  resilience?: ResilienceOptions;
  /**
   * Whether one process at a time runs the factory of a key, where the store can tell. `ttl`: after that long without
   * a sign of life from it, 100 ms to 1 hour, another process takes over; `'5s'` when not given. It saves work; that
   * nothing outdated is stored does not depend on it.
   * @defaultValue `{ ttl: '5s' }`
   */
  lock?: { ttl?: Duration } | false;
  /**
   * Whether this process hears of invalidations by others, when the store can tell of them: what L1 has of it goes, and
   * loads in progress are not joined any more.
   * @defaultValue true
   */
  subscribe?: boolean;
  /** @defaultValue silent */
  logger?: Logger;
  /** @defaultValue the system's monotonic clock */
  clock?: Clock;
}

/** {@link NamespaceOptions} as used inside. */
export interface ResolvedNamespace {
  readonly l1: ResolvedL1 | undefined;
  readonly writes: WriteDefaults;
  readonly schema: ValueSchema<unknown> | undefined;
}

/** Options as used inside: checked, complete, in milliseconds. */
export interface ResolvedOptions {
  readonly namespace: string;
  readonly scope: ResolvedNamespace;
  readonly l2: CacheStore | undefined;
  readonly l3: CacheStore | undefined;
  readonly serializer: Serializer;
  readonly version: string;
  readonly resilience: ResolvedResilience;
  readonly subscribe: boolean;
  /** `undefined`: there is none. */
  readonly lockMs: number | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
}

export interface ResolvedResilience {
  readonly timeoutMs: number;
  readonly failures: number;
  readonly retryAfterMs: number;
  readonly maxAwaitingRepair: number;
}

const NAMESPACE = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/;
const VERSION = /^[A-Za-z0-9._-]{1,32}$/;
const SERIALIZER_ID = /^[\x21-\x7e]{1,32}$/;

function resolveResilience(options: ResilienceOptions): ResolvedResilience {
  const known = ['timeout', 'failures', 'retryAfter', 'maxAwaitingRepair'];
  checkKnown(options, 'resilience', known);
  const { timeout = 500, failures = 3, retryAfter = 1_000, maxAwaitingRepair = 10_000 } = options;
  return {
    timeoutMs: duration('resilience.timeout', timeout, 1, MAX_TIMER_MS),
    failures: integer('resilience.failures', failures, 1_000),
    retryAfterMs: duration('resilience.retryAfter', retryAfter, 1, MAX_TIMER_MS),
    maxAwaitingRepair: integer('resilience.maxAwaitingRepair', maxAwaitingRepair, 10_000_000),
  };
}

const NAMESPACE_KEYS = [
  'l1',
  'ttl',
  'negativeTtl',
  'grace',
  'jitter',
  'softTimeout',
  'hardTimeout',
  'refreshAhead',
  'graceRetry',
  'schema',
];

const CACHE_KEYS = [
  'namespace',
  'l2',
  'l3',
  ...NAMESPACE_KEYS,
  'serializer',
  'version',
  'resilience',
  'lock',
  'subscribe',
  'logger',
  'clock',
];

/** Refuses what cannot name a namespace. */
export function checkNamespace(namespace: unknown): asserts namespace is string {
  if (typeof namespace === 'string' && NAMESPACE.test(namespace)) return;
  const rule = '1-64 of letters, digits and . _ : -, starting with a letter or digit';
  throw optionInvalid('namespace', rule, namespace);
}

function checkForm(version: unknown, serializer: Serializer): void {
  if (typeof version !== 'string' || !VERSION.test(version)) {
    throw optionInvalid('version', '1-32 of letters, digits, . _ -', version);
  }
  if (typeof serializer?.encode !== 'function' || typeof serializer.decode !== 'function') {
    throw optionInvalid('serializer', 'an object with id, encode and decode', serializer);
  }
  if (!SERIALIZER_ID.test(serializer.id)) {
    throw optionInvalid('serializer.id', '1-32 visible ASCII characters', serializer.id);
  }
}

function checkStore(option: 'l2' | 'l3', store: unknown): void {
  const methods = ['getMany', 'setMany', 'deleteMany', 'invalidateTags', 'clear', 'ping'] as const;
  const has = (name: string): boolean =>
    typeof (store as Record<string, unknown> | null)?.[name] === 'function';
  if (!methods.every(has)) {
    throw optionInvalid(option, 'a cache store, such as redisStore(client)', store);
  }
}

const WRITE_DEFAULTS: WriteDefaults = {
  ttlMs: 300_000,
  negativeTtlMs: undefined,
  jitter: 0,
  graceMs: 0,
  softMs: undefined,
  hardMs: undefined,
  refreshAhead: 1,
  graceRetryMs: 1_000,
};

function resolveNamespace(
  options: NamespaceOptions,
  above: ResolvedNamespace | undefined,
): ResolvedNamespace {
  const { l1, ttl, negativeTtl, grace, jitter, schema } = options;
  if (schema !== undefined && typeof schema?.['~standard']?.validate !== 'function') {
    throw optionInvalid('schema', 'a Standard Schema, such as one of zod', schema);
  }
  if (jitter !== undefined && !(typeof jitter === 'number' && jitter >= 0 && jitter <= 1)) {
    throw optionInvalid('jitter', 'a number from 0 to 1', jitter);
  }
  return {
    l1:
      l1 === undefined && above !== undefined
        ? above.l1
        : l1 === false
          ? undefined
          : resolveL1(l1 ?? {}),
    writes: {
      ...(above?.writes ?? WRITE_DEFAULTS),
      ...(ttl !== undefined && { ttlMs: ttlOf(ttl) }),
      ...(negativeTtl !== undefined && { negativeTtlMs: ttlOf(negativeTtl) }),
      ...(grace !== undefined && { graceMs: graceOf(grace) }),
      ...(jitter !== undefined && { jitter }),
      ...resolvePolicy(options),
    },
    schema,
  };
}

/** Checks the options of a nested namespace and completes them by those above it. */
export function resolveNested(
  options: NamespaceOptions,
  above: ResolvedNamespace,
): ResolvedNamespace {
  checkKnown(options, 'options', NAMESPACE_KEYS);
  return resolveNamespace(options, above);
}

function lockOf(lock: CacheOptions['lock'] = {}): number | undefined {
  if (lock === false) return undefined;
  checkKnown(lock, 'lock', ['ttl']);
  return duration('lock.ttl', lock.ttl ?? 5_000, 100, MAX_TIMER_MS);
}

/** Checks and completes the options of a cache. */
export function resolveOptions(options: CacheOptions): ResolvedOptions {
  checkKnown(options, 'options', CACHE_KEYS);
  const { serializer = jsonSerializer, version = '1', subscribe = true } = options;
  checkNamespace(options.namespace);
  checkForm(version, serializer);
  if (typeof subscribe !== 'boolean') throw optionInvalid('subscribe', 'a boolean', subscribe);
  if (options.l2 !== undefined) checkStore('l2', options.l2);
  if (options.l3 !== undefined) checkStore('l3', options.l3);
  return {
    namespace: options.namespace,
    scope: resolveNamespace(options, undefined),
    l2: options.l2,
    l3: options.l3,
    serializer,
    version,
    resilience: resolveResilience(options.resilience ?? {}),
    subscribe,
    lockMs: lockOf(options.lock),
    logger: options.logger ?? silentLogger,
    clock: options.clock ?? systemClock,
  };
}
