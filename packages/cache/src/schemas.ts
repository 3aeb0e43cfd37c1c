import { z } from 'zod';
import type {
  CacheChange,
  CacheKeyChange,
  CacheList,
  CacheListOptions,
  CacheTagsChange,
} from './admin.js';
import type { KeyInspection } from './cache.js';
import type { CacheStats } from './stats.js';

const count = z.number().int().nonnegative();
const milliseconds = z.number().nonnegative();
const namespace = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}(\/[A-Za-z0-9][A-Za-z0-9._:-]{0,63})*$/)
  .describe('Name of the cache; of a namespace nested in it after a slash')
  .meta({ examples: ['classifications', 'app/sessions'] });
const key = z.string().min(1).max(1_024).describe('Key of the entry');
const change = {
  reason: z.string().max(500).optional().describe('Why, for the record'),
  by: z.string().max(200).optional().describe('Who, for the record'),
};

const l1Stats = z.object({
  hits: count,
  misses: count,
  entries: count,
  bytes: count.describe('Estimated; 0 unless the tier is limited by bytes'),
  maxEntries: count,
  maxBytes: count.nullable(),
  evictions: count.describe('Entries that left to make room'),
  expirations: count.describe('Entries found at a read to have outlived their time'),
  neverRead: count.describe('Entries that left, or were replaced, without having answered a read'),
});

const l2Stats = z.object({
  store: z.string(),
  hits: count,
  misses: count,
  writes: count,
  fencedFills: count.describe('Fills left out because the key was changed meanwhile'),
  foreign: count.describe('Entries of another version or format, or damaged'),
  unencodable: count.describe('Values that the serialiser refused'),
  errors: count,
  timeouts: count,
  skipped: count.describe('Operations left out: circuit open, or the key awaits repair'),
  circuit: z.enum(['closed', 'open']),
  awaitingRepair: count.describe('Keys whose change did not reach the store yet'),
  namespaceAwaitingRepair: z.boolean(),
  remoteInvalidations: count,
  subscribed: z.boolean().describe('Whether invalidations of other processes arrive now'),
});

/** Statistics of one cache: {@link CacheStats}. */
export const cacheStatsSchema: z.ZodType<CacheStats> = z
  .object({
    namespace,
    hitRatio: z.number().min(0).max(1).describe('Share of reads that a tier answered'),
    l1: l1Stats.nullable(),
    l2: l2Stats.nullable(),
    l3: l2Stats.nullable(),
    invalid: count.describe('Values from the tiers below L1 that did not fit the schema'),
    loads: z.object({
      count,
      running: count,
      errors: count,
      joined: count.describe('Callers that waited for a run another caller had started'),
      superseded: count.describe('Results not stored because the key was invalidated meanwhile'),
      background: count.describe('Runs begun ahead of time, or gone on with in the background'),
      aborted: count.describe('Runs that took too long, or that nobody waited for any more'),
      stale: count.describe('Runs that were answered with a stale value'),
      totalMs: milliseconds,
    }),
  })
  .describe('Statistics of one cache since it was created');

/** Input of `CacheAdmin.list`. */
export const cacheListOptionsSchema: z.ZodType<CacheListOptions> = z.object({
  limit: z.number().int().min(1).max(500).default(50).describe('Most items to return'),
  cursor: z.string().exactOptional().describe('nextCursor of the page before'),
});

/** A page of caches. */
export const cacheListSchema: z.ZodType<CacheList> = z.object({
  items: z.array(cacheStatsSchema),
  nextCursor: z.string().nullable(),
});

/** Input of `CacheAdmin.stats`. */
export const cacheNamespaceSchema: z.ZodType<{ namespace: string }> = z.object({ namespace });

/** Input of `CacheAdmin.inspect`. */
export const cacheKeySchema: z.ZodType<{ namespace: string; key: string }> = z.object({
  namespace,
  key,
});

const where = {
  ageMs: milliseconds,
  remainingMs: milliseconds.describe('0: it is stale'),
  graceMs: milliseconds.describe('How long after that it may be served in place of an error'),
  tags: z.array(z.string()),
};

/** Output of `CacheAdmin.inspect`. */
export const keyInspectionSchema: z.ZodType<KeyInspection> = z.object({
  key,
  l1: z.object({ ...where, reads: count }).nullable(),
  l2: z.object({ ...where, bytes: count }).nullable(),
  l3: z.object({ ...where, bytes: count }).nullable(),
  loading: z.boolean().describe('Whether its factory runs now in this process'),
});

/** Input of `CacheAdmin.delete`. */
export const cacheKeyChangeSchema: z.ZodType<CacheKeyChange> = z.object({
  namespace,
  key,
  ...change,
});

/** Input of `CacheAdmin.clear`. */
export const cacheChangeSchema: z.ZodType<CacheChange> = z.object({ namespace, ...change });

/** Input of `CacheAdmin.invalidateTags`. */
export const cacheTagsChangeSchema: z.ZodType<CacheTagsChange> = z.object({
  namespace,
  tags: z.array(z.string().min(1).max(256)).min(1).max(1_000).describe('Tags to invalidate'),
  ...change,
});
