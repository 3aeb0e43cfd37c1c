/** Who takes part, with which settings. `module` is a file of adapters/, the rest is for it. */
export const contenders = {
  ours: { module: 'holdfast', label: 'Holdfast' },
  oursScanResistant: {
    module: 'holdfast',
    label: 'Holdfast, scan-resistant policy',
    l1: { policy: 'tinylfu' },
  },
  lruCache: { module: 'raw', label: 'lru-cache with ttl' },
  bentocache: { module: 'bentocache', label: 'BentoCache' },
  cacheable: { module: 'cacheable', label: 'cacheable' },
  cacheManager: { module: 'cache-manager', label: 'cache-manager wrap' },
  layeredLoader: { module: 'layered-loader', label: 'layered-loader' },
  ioredis: { module: 'raw', label: 'ioredis' },
  pipelined: { module: 'raw', label: 'ioredis, auto-pipelining and JSON.parse', pipelining: true },
};

/** Loads the adapter of a contender, and no other library. */
export async function adapterOf({ module }) {
  return (await import(`./adapters/${module}.mjs`)).adapter;
}
