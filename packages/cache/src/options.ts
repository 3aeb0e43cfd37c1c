import { type Clock, systemClock } from './clock.js';
import { type Duration, durationMs } from './duration.js';
import { CacheError } from './errors.js';
import { type Logger, silentLogger } from './logger.js';
import { jsonSerializer } from './serializers/json.js';
import type { Serializer } from './serializers/serializer.js';
import type { CacheStore } from './store.js';

/** How the memory of this process decides what to keep. */
export type L1Policy = 'lru' | 'tinylfu';

/** The tier in the memory of this process. */
export interface L1Options {
  /**
   * Most entries kept; beyond it the policy says which one leaves.
   * @defaultValue 10,000
   */
  maxEntries?: number;
  /**
   * Which entry leaves to make room. `'lru'`: the least recently used one. `'tinylfu'`: one that is read rarely, so
   * that scans and loops over many keys do not push out what is read often; it keeps more of what is asked for in
   * most traces, and takes about 25 bytes more an entry.
   * @defaultValue `'lru'`
   */
  policy?: L1Policy;
  /**
   * Most bytes kept, as measured by `sizeOf`. An entry that is larger by itself is not kept.
   * @defaultValue no limit by bytes
   */
  maxBytes?: number;
  /**
   * Bytes of an entry. Called for each write when `maxBytes` is set.
   * @defaultValue an estimate that walks the value
   */
  sizeOf?: (value: unknown, key: string) => number;
  /**
   * Longest time an entry stays in L1, whatever its own time to live. It bounds how long this process may serve what
   * another one changed while invalidations did not arrive.
   * @defaultValue the entry's time to live
   */
  ttl?: Duration;
}

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

/** Options of {@link createCache}. */
export interface CacheOptions {
  /** Names the cache: 1–64 of letters, digits and `.`, `_`, `:`, `-`, starting with a letter or digit. Caches of one namespace share L2 entries. */
  namespace: string;
  /**
   * The memory of this process; `false` for none.
   * @defaultValue 10,000 entries
   */
  l1?: L1Options | false;
  /**
   * A store shared by processes, such as `redisStore(client)`. The cache never closes it.
   * @defaultValue none
   */
  l2?: CacheStore;
  /**
   * Time to live of an entry for which nothing else is said. 0 keeps nothing.
   * @defaultValue `'5m'`
   */
  ttl?: Duration;
  /**
   * Share of the time to live, 0–1, by which it is shortened at random, so that what was stored together does not
   * expire together.
   * @defaultValue 0
   */
  jitter?: number;
  /**
   * The form of values in L2.
   * @defaultValue JSON
   */
  serializer?: Serializer;
  /**
   * Version of the values' shape (1–32 of letters, digits, `.`, `_`, `-`). Entries in L2 of another version are misses.
   * @defaultValue `'1'`
   */
  version?: string;
  /** @defaultValue see each */
  resilience?: ResilienceOptions;
  /**
   * Whether L1 hears of invalidations by other processes, when the store can tell of them.
   * @defaultValue true
   */
  subscribe?: boolean;
  /** @defaultValue silent */
  logger?: Logger;
  /** @defaultValue the system's monotonic clock */
  clock?: Clock;
}

/** Options of one write. */
export interface SetOptions<T = unknown> {
  /**
   * Time to live, or a function of the value (a short time for `null` is negative caching). 0 does not store.
   * @defaultValue the cache's `ttl`
   */
  ttl?: Duration | ((value: T) => Duration);
}

/** Options as used inside: checked, complete, in milliseconds. */
export interface ResolvedOptions {
  readonly namespace: string;
  readonly l1: ResolvedL1 | undefined;
  readonly l2: CacheStore | undefined;
  readonly ttlMs: number;
  readonly jitter: number;
  readonly serializer: Serializer;
  readonly version: string;
  readonly resilience: ResolvedResilience;
  readonly subscribe: boolean;
  readonly logger: Logger;
  readonly clock: Clock;
}

export interface ResolvedL1 {
  readonly maxEntries: number;
  readonly policy: L1Policy;
  readonly maxBytes: number | undefined;
  readonly sizeOf: ((value: unknown, key: string) => number) | undefined;
  readonly ttlMs: number;
}

export interface ResolvedResilience {
  readonly timeoutMs: number;
  readonly failures: number;
  readonly retryAfterMs: number;
  readonly maxAwaitingRepair: number;
}

/** 100 years: far enough, and far from where a store's arithmetic overflows. */
const MAX_TTL_MS = 100 * 365 * 86_400_000;
const MAX_TIMER_MS = 3_600_000;
const NAMESPACE = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/;
const VERSION = /^[A-Za-z0-9._-]{1,32}$/;
const SERIALIZER_ID = /^[\x21-\x7e]{1,32}$/;

function describe(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return `${text.length > 60 ? `${text.slice(0, 60)}…` : text} (${value === null ? 'null' : typeof value})`;
}

/** Fails with the option's name, the rule and what was received. */
export function optionInvalid(option: string, rule: string, received: unknown): CacheError {
  return new CacheError(
    'CACHE_OPTION_INVALID',
    `Expected \`${option}\` to be ${rule}, got ${describe(received)}`,
    {
      details: { option, rule },
    },
  );
}

/** Refuses options that are not an object or have a name that is not known. */
export function checkKnown(options: unknown, name: string, known: readonly string[]): void {
  if (options === null || typeof options !== 'object') {
    throw optionInvalid(name, 'an object', options);
  }
  for (const option of Object.keys(options)) {
    if (!known.includes(option)) {
      throw optionInvalid(`${name}.${option}`, `one of ${known.join(', ')}`, option);
    }
  }
}

function duration(option: string, value: unknown, min: number, max: number): number {
  const ms =
    typeof value === 'number' || typeof value === 'string'
      ? durationMs(value as Duration)
      : Number.NaN;
  if (!(ms >= min && ms <= max)) {
    throw optionInvalid(option, `a duration from ${min} to ${max} ms, such as 250 or '30s'`, value);
  }
  return ms;
}

function integer(option: string, value: unknown, max: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > max) {
    throw optionInvalid(option, `an integer from 1 to ${max}`, value);
  }
  return value;
}

/** Milliseconds of a time to live. */
export function ttlOf(value: unknown): number {
  return Math.ceil(duration('ttl', value, 0, MAX_TTL_MS));
}

function resolveL1(options: L1Options): ResolvedL1 {
  checkKnown(options, 'l1', ['maxEntries', 'policy', 'maxBytes', 'sizeOf', 'ttl']);
  const { maxEntries = 10_000, policy = 'lru', maxBytes, sizeOf, ttl } = options;
  if (policy !== 'lru' && policy !== 'tinylfu') {
    throw optionInvalid('l1.policy', "'lru' or 'tinylfu'", policy);
  }
  if (sizeOf !== undefined && typeof sizeOf !== 'function') {
    throw optionInvalid('l1.sizeOf', 'a function', sizeOf);
  }
  return {
    maxEntries: integer('l1.maxEntries', maxEntries, 2 ** 30),
    policy,
    maxBytes:
      maxBytes === undefined
        ? undefined
        : integer('l1.maxBytes', maxBytes, Number.MAX_SAFE_INTEGER),
    sizeOf,
    ttlMs: ttl === undefined ? Number.POSITIVE_INFINITY : duration('l1.ttl', ttl, 1, MAX_TTL_MS),
  };
}

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

const KNOWN = [
  'namespace',
  'l1',
  'l2',
  'ttl',
  'jitter',
  'serializer',
  'version',
  'resilience',
  'subscribe',
  'logger',
  'clock',
];

function checkNames(namespace: unknown, version: unknown, serializer: Serializer): void {
  if (typeof namespace !== 'string' || !NAMESPACE.test(namespace)) {
    const rule = '1-64 of letters, digits and . _ : -, starting with a letter or digit';
    throw optionInvalid('namespace', rule, namespace);
  }
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

function checkStore(store: unknown): void {
  const methods = ['getMany', 'setMany', 'deleteMany', 'clear', 'ping'] as const;
  const has = (name: string): boolean =>
    typeof (store as Record<string, unknown> | null)?.[name] === 'function';
  if (!methods.every(has)) {
    throw optionInvalid('l2', 'a cache store, such as redisStore(client)', store);
  }
}

/** Checks and completes the options of a cache. */
export function resolveOptions(options: CacheOptions): ResolvedOptions {
  checkKnown(options, 'options', KNOWN);
  const { l1 = {}, ttl = 300_000, resilience = {} } = options;
  const { jitter = 0, serializer = jsonSerializer, version = '1', subscribe = true } = options;
  checkNames(options.namespace, version, serializer);
  if (typeof jitter !== 'number' || !(jitter >= 0 && jitter <= 1)) {
    throw optionInvalid('jitter', 'a number from 0 to 1', jitter);
  }
  if (typeof subscribe !== 'boolean') throw optionInvalid('subscribe', 'a boolean', subscribe);
  if (options.l2 !== undefined) checkStore(options.l2);
  return {
    namespace: options.namespace,
    l1: l1 === false ? undefined : resolveL1(l1),
    l2: options.l2,
    ttlMs: ttlOf(ttl),
    jitter,
    serializer,
    version,
    resilience: resolveResilience(resilience),
    subscribe,
    logger: options.logger ?? silentLogger,
    clock: options.clock ?? systemClock,
  };
}

const MAX_KEY_LENGTH = 1_024;

/** Refuses a key that could not be told from another one in every tier. */
export function checkKey(key: unknown): asserts key is string {
  const ok =
    typeof key === 'string' && key.length > 0 && key.length <= MAX_KEY_LENGTH && key.isWellFormed();
  if (!ok) {
    const rule = `a well-formed string of 1 to ${MAX_KEY_LENGTH} characters`;
    throw new CacheError(
      'CACHE_KEY_INVALID',
      `Expected \`key\` to be ${rule}, got ${describe(key)}`,
    );
  }
}

/** Refuses malformed options of a write before anything is done. */
export function checkSetOptions(options: SetOptions<never>): void {
  checkKnown(options, 'options', ['ttl']);
  if (options.ttl !== undefined && typeof options.ttl !== 'function') ttlOf(options.ttl);
}

/** Milliseconds that a value is to live, shortened by the jitter; 0: it is not stored. */
export function ttlFor<T>(value: T, options: SetOptions<T>, defaults: ResolvedOptions): number {
  const { ttl } = options;
  const ttlMs =
    ttl === undefined ? defaults.ttlMs : ttlOf(typeof ttl === 'function' ? ttl(value) : ttl);
  if (ttlMs === 0 || defaults.jitter === 0) return ttlMs;
  return Math.max(1, Math.ceil(ttlMs * (1 - defaults.jitter * Math.random())));
}
