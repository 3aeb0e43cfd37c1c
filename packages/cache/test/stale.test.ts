import { describe, expect, it } from 'vitest';
import { type CacheOptions, createCache, memoryStore } from '../src/index.js';
import { manualFactory } from './support/manual-factory.js';
import { settle, VirtualClock } from './support/virtual-clock.js';

const tiers = [
  { name: 'L1', tier: () => ({}) },
  { name: 'L1 over L2', tier: (clock: VirtualClock) => ({ l2: memoryStore({ clock }) }) },
  {
    name: 'L2',
    tier: (clock: VirtualClock) => ({ l1: false as const, l2: memoryStore({ clock }) }),
  },
];

const failing = () => {
  throw new Error('upstream is down');
};

describe.each(tiers)('grace, $name', ({ tier }) => {
  const make = (options: Partial<CacheOptions> = {}) => {
    const clock = new VirtualClock();
    const cache = createCache({
      namespace: 'stale',
      ttl: '10s',
      grace: '1m',
      clock,
      ...tier(clock),
      ...options,
    });
    return { clock, cache };
  };

  it('serves a stale value when the factory fails, and nothing when it is over', async () => {
    const { clock, cache } = make();
    await cache.set('k', 'old');
    await clock.advance(10_000);
    expect([cache.peek('k'), await cache.get('k')]).toEqual([undefined, undefined]);
    expect(await cache.getOrSet('k', failing)).toBe('old');
    await clock.advance(59_000);
    expect(await cache.getOrSet('k', failing)).toBe('old');
    await clock.advance(1_000);
    await expect(cache.getOrSet('k', failing)).rejects.toThrow('upstream is down');
  });

  it('replaces the stale value by what the factory makes', async () => {
    const { clock, cache } = make();
    await cache.set('k', 'old');
    await clock.advance(10_000);
    expect(await cache.getOrSet('k', () => 'new')).toBe('new');
    await settle();
    expect(await cache.get('k')).toBe('new');
  });

  it('never serves what was invalidated', async () => {
    const { clock, cache } = make();
    for (const invalidate of [
      () => cache.delete('k'),
      () => cache.invalidateTags(['t']),
      () => cache.clear(),
    ]) {
      await cache.set('k', 'old', { tags: ['t'] });
      await clock.advance(10_000);
      await invalidate();
      await expect(cache.getOrSet('k', failing)).rejects.toThrow('upstream is down');
    }
  });

  it('a soft limit: the stale value is served after it, and the factory goes on', async () => {
    const { clock, cache } = make({ softTimeout: 100 });
    await cache.set('k', 'old');
    await clock.advance(10_000);
    const { factory, started, end } = manualFactory();
    const waiting = [cache.getOrSet('k', factory), cache.getOrSet('k', factory)];
    await started;
    let answered = false;
    void waiting[0]?.then(() => {
      answered = true;
    });
    await clock.advance(99);
    expect(answered).toBe(false);
    await clock.advance(1);
    expect(await Promise.all(waiting)).toEqual(['old', 'old']);
    // The factory still runs: later callers do not start another one, nor wait for it.
    expect(await cache.getOrSet('k', failing)).toBe('old');
    end('new');
    await settle();
    expect(await cache.get('k')).toBe('new');
    expect(cache.stats().loads).toMatchObject({ count: 1, stale: 1, running: 0 });
  });

  it('a soft limit of 0 serves the stale value at once', async () => {
    const { clock, cache } = make();
    await cache.set('k', 'old');
    await clock.advance(10_000);
    const { factory, end } = manualFactory();
    expect(await cache.getOrSet('k', factory, { softTimeout: 0 })).toBe('old');
    await settle();
    end('new');
    await settle();
    expect(await cache.get('k')).toBe('new');
  });

  it('a soft limit does not hurry a factory where there is nothing stale', async () => {
    const { clock, cache } = make({ softTimeout: 0 });
    const { factory, started, end } = manualFactory();
    const waiting = cache.getOrSet('k', factory);
    await started;
    await clock.advance(1_000);
    end('made');
    expect(await waiting).toBe('made');
  });

  it('a hard limit: the stale value, or an error, and the signal aborts', async () => {
    const { clock, cache } = make({ hardTimeout: '2s' });
    const signals: AbortSignal[] = [];
    const hangs = ({ signal }: { signal: AbortSignal }) => {
      signals.push(signal);
      return new Promise<never>(() => undefined);
    };
    const cold = cache.getOrSet('k', hangs);
    const failed = expect(cold).rejects.toMatchObject({ code: 'CACHE_TIMEOUT' });
    await settle();
    await clock.advance(2_000);
    await failed;
    await cache.set('k', 'old');
    await clock.advance(10_000);
    const stale = cache.getOrSet('k', hangs);
    await settle();
    await clock.advance(2_000);
    expect(await stale).toBe('old');
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
    expect(cache.stats().loads).toMatchObject({ aborted: 2, running: 0 });
  });

  it('tells the factory what is there', async () => {
    const { clock, cache } = make();
    await cache.set('k', 'old');
    await clock.advance(12_000);
    const made = await cache.getOrSet('k', ({ key, stale }) => ({ key, ...stale }));
    expect(made).toEqual({ key: 'k', value: 'old', ageMs: 12_000 });
    expect(await cache.getOrSet('cold', ({ stale }) => stale ?? null)).toBeNull();
  });
});

describe('a factory that fails while there is a stale value', () => {
  it('is tried again after a while only', async () => {
    const clock = new VirtualClock();
    const cache = createCache({ namespace: 'stale', ttl: '10s', grace: '1m', clock });
    await cache.set('k', 'old');
    await clock.advance(10_000);
    let calls = 0;
    const fails = () => {
      calls += 1;
      return failing();
    };
    for (let i = 0; i < 5; i += 1) expect(await cache.getOrSet('k', fails)).toBe('old');
    expect(calls).toBe(1);
    await clock.advance(1_000);
    for (let i = 0; i < 5; i += 1) {
      expect(await cache.getOrSet('k', fails, { graceRetry: '5s' })).toBe('old');
    }
    await clock.advance(4_999);
    expect([await cache.getOrSet('k', fails), calls]).toEqual(['old', 2]);
    await clock.advance(1);
    expect(await cache.getOrSet('k', () => 'new')).toBe('new');
  });
});

describe('refreshing ahead', () => {
  const make = () => {
    const clock = new VirtualClock();
    const l2 = memoryStore({ clock });
    const options = { namespace: 'ahead', ttl: '10s', refreshAhead: 0.8, clock, l2 } as const;
    return { clock, cache: createCache(options), other: createCache(options) };
  };

  it('renews an entry in the background from a share of its life on', async () => {
    const { clock, cache } = make();
    await cache.set('k', 'old');
    await clock.advance(7_999);
    expect(await cache.getOrSet('k', () => 'too early')).toBe('old');
    await clock.advance(1);
    const { factory, started, end } = manualFactory();
    expect(await cache.getOrSet('k', factory)).toBe('old');
    await started;
    expect([cache.peek('k'), await cache.get('k')]).toEqual(['old', 'old']);
    expect(await cache.getOrSet('k', () => 'another')).toBe('old');
    end('new');
    await settle();
    expect(await cache.getOrSet('k', () => 'another')).toBe('new');
    expect(cache.stats().loads).toMatchObject({ count: 1, background: 1 });
    expect(cache.stats().l1?.hits).toBe(6);
  });

  it('for one call, whether the value was made or found in L2', async () => {
    const clock = new VirtualClock();
    const options = { namespace: 'ahead', ttl: '10s', clock, l2: memoryStore({ clock }) } as const;
    for (const cache of [createCache(options), createCache(options)]) {
      expect(await cache.getOrSet('k', () => 'old', { refreshAhead: 0.5 })).toBe('old');
      await clock.advance(5_000);
      expect(await cache.getOrSet('k', () => 'new')).toBe('old');
      await settle();
      expect(cache.peek('k')).toBe('new');
      await cache.set('k', 'old');
    }
  });

  it('keeps what there is when the factory fails, without trying at every hit', async () => {
    const { clock, cache } = make();
    await cache.set('k', 'old');
    await clock.advance(8_000);
    for (let i = 0; i < 3; i += 1) {
      expect(await cache.getOrSet('k', failing)).toBe('old');
      await settle();
    }
    expect(cache.stats().loads.errors).toBe(1);
    await clock.advance(2_000);
    await expect(cache.getOrSet('k', failing)).rejects.toThrow('upstream is down');
  });

  it('takes what another process renewed rather than making it again', async () => {
    const { clock, cache, other } = make();
    await cache.set('k', 'old');
    expect(await other.get('k')).toBe('old');
    await clock.advance(8_000);
    await cache.getOrSet('k', () => 'new');
    await settle();
    expect(await other.getOrSet('k', () => 'made again')).toBe('old');
    await settle();
    expect(other.peek('k')).toBe('new');
  });
});

describe('a caller who gives up', () => {
  it('gets the reason of its signal; the others go on waiting', async () => {
    const cache = createCache({ namespace: 'signal' });
    const { factory, started, end } = manualFactory();
    const controller = new AbortController();
    const impatient = cache.getOrSet('k', factory, { signal: controller.signal });
    const patient = cache.getOrSet('k', factory);
    await started;
    controller.abort(new Error('gone'));
    await expect(impatient).rejects.toThrow('gone');
    end('made');
    expect([await patient, await cache.get('k')]).toEqual(['made', 'made']);
    const late = cache.getOrSet('other', factory, { signal: controller.signal });
    await expect(late).rejects.toThrow('gone');
  });

  it('aborts the factory when it was the last one; who comes later starts another', async () => {
    const cache = createCache({ namespace: 'signal' });
    const controllers = [new AbortController(), new AbortController()];
    let aborted: unknown;
    const hangs = ({ signal }: { signal: AbortSignal }) =>
      new Promise<string>(() => {
        signal.addEventListener('abort', () => {
          aborted = signal.reason;
        });
      });
    const waiting = controllers.map(({ signal }) => cache.getOrSet('k', hangs, { signal }));
    await settle();
    controllers[0]?.abort(new Error('first'));
    await expect(waiting[0]).rejects.toThrow('first');
    expect(aborted).toBeUndefined();
    controllers[1]?.abort(new Error('last'));
    await expect(waiting[1]).rejects.toThrow('last');
    expect(aborted).toMatchObject({ message: 'last' });
    expect(await cache.getOrSet('k', () => 'fresh')).toBe('fresh');
    await settle();
    expect(cache.stats().loads).toMatchObject({ running: 0, aborted: 1 });
  });

  it('leaves no listener on a signal that lives on', async () => {
    const cache = createCache({ namespace: 'signal' });
    const { signal } = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listeners += 1;
      addEventListener.apply(signal, args);
    };
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listeners -= 1;
      removeEventListener.apply(signal, args);
    };
    for (let i = 0; i < 10; i += 1) await cache.getOrSet(`k${i}`, () => i, { signal });
    await settle();
    expect(listeners).toBe(0);
  });
});

it('close aborts the factories that are left at its deadline', async () => {
  const cache = createCache({ namespace: 'close' });
  let signal: AbortSignal | undefined;
  const waiting = cache.getOrSet('k', (context) => {
    signal = context.signal;
    return new Promise<never>(() => undefined);
  });
  const failed = expect(waiting).rejects.toMatchObject({ code: 'CACHE_CLOSED' });
  expect(await cache.close({ deadline: 10 })).toMatchObject({ drained: false });
  await failed;
  expect(signal?.aborted).toBe(true);
});

it('null has a time to live of its own, and a factory may say how long', async () => {
  const clock = new VirtualClock();
  const cache = createCache({ namespace: 'negative', ttl: '1m', negativeTtl: '1s', clock });
  await cache.set('none', null);
  await cache.getOrSet('told', ({ ttl }) => {
    ttl('5s');
    return 1;
  });
  await clock.advance(1_000);
  expect([cache.peek('none'), cache.peek('told')]).toEqual([undefined, 1]);
  await clock.advance(4_000);
  expect(cache.peek('told')).toBeUndefined();
  const zero = cache.getOrSet('zero', (context) => {
    context.ttl(0);
    return 1;
  });
  expect([await zero, cache.peek('zero')]).toEqual([1, undefined]);
});

it.each([
  [{ grace: -1 }, '`grace`'],
  [{ softTimeout: 'soon' }, '`softTimeout`'],
  [{ hardTimeout: 0 }, '`hardTimeout`'],
  [{ refreshAhead: 0 }, '`refreshAhead`'],
  [{ refreshAhead: 2 }, '`refreshAhead`'],
  [{ refreshAhead: '0.5' }, '`refreshAhead`'],
  [{ graceRetry: Number.NaN }, '`graceRetry`'],
])('refuses %o, for a cache and for a call', async (options, message) => {
  const bad = options as object;
  expect(() => createCache({ namespace: 'n', ...bad })).toThrow(message);
  const cache = createCache({ namespace: 'n' });
  await expect(cache.getOrSet('k', () => 1, bad)).rejects.toThrow(message);
  await expect(cache.getOrSet('k', () => 1, { signal: 1 as never })).rejects.toThrow('`signal`');
  await expect(cache.set('k', 1, { softTimeout: 1 } as never)).rejects.toThrow('`options.soft');
});
