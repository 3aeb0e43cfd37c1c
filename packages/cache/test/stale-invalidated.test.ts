import { describe, expect, it } from 'vitest';
import { type Cache, createCache, memoryStore } from '../src/index.js';
import { manualFactory } from './support/manual-factory.js';
import { settle, VirtualClock } from './support/virtual-clock.js';

const invalidations: readonly [how: string, (cache: Cache) => Promise<void>][] = [
  ['deleted', (cache) => cache.delete('k')],
  ['invalidated by its tag', (cache) => cache.invalidateTags(['t'])],
  ['cleared', (cache) => cache.clear()],
];

describe.each(invalidations)(
  'a stale value that was %s while its factory runs',
  (_, invalidate) => {
    const make = async (l1: boolean) => {
      const clock = new VirtualClock();
      const cache = createCache({
        namespace: 'stale',
        ttl: '10s',
        grace: '1m',
        clock,
        ...(l1 ? {} : { l1: false, l2: memoryStore({ clock }) }),
      });
      await cache.set('k', 'old', { tags: ['t'] });
      await clock.advance(10_000);
      return { clock, cache };
    };

    it.each([true, false])('does not stand in for an error (L1: %s)', async (l1) => {
      const { cache } = await make(l1);
      const { factory, started, fail } = manualFactory();
      const waiting = cache.getOrSet('k', factory);
      const failed = expect(waiting).rejects.toThrow('upstream is down');
      await started;
      await invalidate(cache);
      fail(new Error('upstream is down'));
      await failed;
    });

    it.each([true, false])('does not stand in for a wait (L1: %s)', async (l1) => {
      const { clock, cache } = await make(l1);
      const { factory, started, end } = manualFactory();
      const waiting = cache.getOrSet('k', factory, { softTimeout: 100 });
      await started;
      await invalidate(cache);
      await clock.advance(100);
      end('new');
      await settle();
      expect(await waiting).toBe('new');
    });
  },
);
