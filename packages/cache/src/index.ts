export {
  CacheAdmin,
  type CacheAdminOptions,
  type CacheChange,
  type CacheKeyChange,
  type CacheList,
  type CacheListOptions,
  type CacheTagsChange,
} from './admin.js';
export type {
  Cache,
  CacheHealth,
  CloseReport,
  Factory,
  KeyInspection,
  LoadContext,
  StaleValue,
  StoredInspection,
  WrapOptions,
} from './cache.js';
export { type CachedMethod, cached } from './cached.js';
export type { Clock, Timer } from './clock.js';
export { hashOf, hashOfFile, hashOfStream } from './content-key.js';
export { createCache } from './create-cache.js';
export type { Duration } from './duration.js';
export { CacheError, type CacheErrorCode, isCacheError } from './errors.js';
export type { L1Options, L1Policy } from './l1-options.js';
export type { ManyFactory, ManyValues } from './load-many.js';
export type { Logger } from './logger.js';
export type { CacheOptions, NamespaceOptions, ResilienceOptions } from './options.js';
export { type Compression, type CompressOptions, compress } from './serializers/compress.js';
export { jsonSerializer } from './serializers/json.js';
export { type MessagePack, msgpackSerializer } from './serializers/msgpack.js';
export type { Serializer } from './serializers/serializer.js';
export { v8Serializer } from './serializers/v8.js';
export type { CacheStats, L1Stats, L2Stats, LoadStats } from './stats.js';
export type {
  CacheStore,
  StoreChangeOptions,
  StoreClaim,
  StoreClaimResult,
  StoreInvalidation,
  StoreListener,
  StoreRead,
  StoreSubscription,
  StoreWrite,
} from './store.js';
export { type MemoryStoreOptions, memoryStore } from './stores/memory.js';
export type { SchemaResult, ValueSchema } from './value-schema.js';
export type { LoadOptions, LoadPolicy, SetOptions } from './write-options.js';
