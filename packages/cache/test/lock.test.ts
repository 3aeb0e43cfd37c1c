import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Cache, type CacheOptions, createCache, memoryStore } from '../src/index.js';
import { FaultyStore } from '../src/testing.js';
import { manualFactory } from './support/manual-factory.js';
import { buildProgram, type Program } from './support/program.js';
import { settle, VirtualClock } from './support/virtual-clock.js';

describe('one factory a key among caches on one store', () => {
  const make = (options: Partial<CacheOptions> = {}) => {
    const clock = new VirtualClock();
    const l2 = memoryStore({ clock });
    const one = () => createCache({ namespace: 'lock', l2, clock, ...options });
    return { clock, l2, caches: [one(), one(), one()] as [Cache, Cache, Cache] };
  };

  it('the others wait for its result, and are woken by it', async () => {
    const { caches } = make();
    const { factory, started, end } = manualFactory();
    const first = caches[0].getOrSet('k', factory);
    await started;
    const others = caches.slice(1).map((cache) => cache.getOrSet('k', () => 'another'));
    await settle();
    end('made');
    // The clock stands still: nobody looked again by itself.
    expect(await Promise.all([first, ...others])).toEqual(['made', 'made', 'made']);
    expect(caches.map((cache) => cache.stats().loads.count)).toEqual([1, 0, 0]);
  });

  it('look again by themselves where nothing tells them', async () => {
    const { clock, caches } = make({ subscribe: false });
    const { factory, started, end } = manualFactory();
    const first = caches[0].getOrSet('k', factory);
    await started;
    const other = caches[1].getOrSet('k', () => 'another');
    await settle();
    end('made');
    expect(await first).toBe('made');
    await clock.advance(80);
    expect(await other).toBe('made');
  });

  it('another one takes over when it fails', async () => {
    const { caches } = make();
    const { factory, started, fail } = manualFactory();
    const first = caches[0].getOrSet('k', factory);
    await started;
    const others = caches.slice(1).map((cache) => cache.getOrSet('k', () => cache.stats().loads));
    await settle();
    const failed = expect(first).rejects.toThrow('fails');
    fail(new Error('fails'));
    await failed;
    const [a, b] = await Promise.all(others);
    expect(a).toEqual(b);
  });

  it('one that takes long keeps its claim', async () => {
    const { clock, caches } = make({ lock: { ttl: '1s' } });
    const { factory, started, end } = manualFactory();
    const first = caches[0].getOrSet('k', factory);
    await started;
    const other = caches[1].getOrSet('k', () => 'another');
    for (let i = 0; i < 100; i += 1) await clock.advance(100);
    expect(caches[1].stats().loads.count).toBe(0);
    end('made');
    expect([await first, await other]).toEqual(['made', 'made']);
  });

  it('nobody waits for a result that an invalidation has outdated', async () => {
    const { caches } = make();
    for (const change of ['set', 'delete', 'clear'] as const) {
      const { factory, started, end } = manualFactory();
      const first = caches[0].getOrSet('k', factory);
      await started;
      if (change === 'set') await caches[1].set('k', 'newer', { ttl: 0 });
      else if (change === 'delete') await caches[1].delete('k');
      else await caches[1].clear();
      expect(await caches[1].getOrSet('k', () => 'newer')).toBe('newer');
      end('older');
      expect(await first).toBe('older');
      await settle();
      expect(await caches[2].get('k')).toBe('newer');
      await caches[0].delete('k');
    }
  });

  const changes = {
    set: (cache: Cache) => cache.set('k', 'newer'),
    delete: (cache: Cache) => cache.delete('k'),
    clear: (cache: Cache) => cache.clear(),
  };
  it.each([
    ['set', 'newer'],
    ['delete', 'another'],
    ['clear', 'another'],
  ] as const)(
    'who waits for a result that a %s has outdated is woken by it',
    async (how, value) => {
      for (const by of [0, 1, 2] as const) {
        const { caches } = make();
        const { factory, started } = manualFactory();
        void caches[0].getOrSet('k', factory);
        await started;
        const waiting = caches[1].getOrSet('k', () => 'another');
        await settle();
        await changes[how](caches[by]);
        // The clock stands still, and the first factory never ends.
        expect(await waiting).toBe(value);
      }
    },
  );

  it('nobody waits for a claim whose answer was lost', async () => {
    const { l2, clock, caches } = make();
    const lossy = new FaultyStore(l2);
    const claimMany = lossy.claimMany?.bind(lossy);
    Object.assign(lossy, {
      claimMany: async (...args: Parameters<NonNullable<typeof claimMany>>) => {
        await claimMany?.(...args);
        throw new Error('the answer is lost');
      },
    });
    const unlucky = createCache({ namespace: 'lock', l2: lossy, clock });
    const { factory, started } = manualFactory();
    void unlucky.getOrSet('k', factory);
    await started;
    await settle();
    expect(await caches[0].getOrSet('k', () => 'made')).toBe('made');
  });

  it('a stale value is served meanwhile', async () => {
    const { clock, caches } = make({ ttl: '10s', grace: '1m', softTimeout: 0 });
    await caches[0].set('k', 'old');
    await clock.advance(10_000);
    const { factory, started, end } = manualFactory();
    expect(await caches[0].getOrSet('k', factory)).toBe('old');
    await started;
    expect(await caches[1].getOrSet('k', () => 'another')).toBe('old');
    end('new');
    await settle();
    expect(await Promise.all(caches.map((cache) => cache.get('k')))).toEqual(['new', 'new', 'new']);
    expect(caches[1].stats().loads.count).toBe(0);
  });

  it('who gives up waits no more', async () => {
    const { clock, caches } = make();
    const { factory, started, end } = manualFactory();
    const first = caches[0].getOrSet('k', factory);
    await started;
    await settle();
    const { timers } = clock;
    const controller = new AbortController();
    const waiting = caches[1].getOrSet('k', () => 'another', { signal: controller.signal });
    await settle();
    controller.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    await settle();
    expect(clock.timers - timers).toBeLessThanOrEqual(1);
    end('made');
    await first;
    expect((await caches[1].close()).drained).toBe(true);
  });

  it('can be switched off', async () => {
    const { caches } = make({ lock: false });
    const values = caches.map((cache, i) =>
      cache.getOrSet('k', async () => {
        await settle();
        return i;
      }),
    );
    expect(await Promise.all(values)).toEqual([0, 1, 2]);
  });
});

interface Loader {
  readonly child: ChildProcess;
  readonly said: Record<string, unknown>[];
  load(key: string, callers: number): void;
}

describe.skipIf(!process.env.TEST_REDIS_URL)('four processes on one Redis', () => {
  let program: Program;
  let loaders: Loader[] = [];
  beforeAll(async () => {
    program = await buildProgram('cache-loader');
  });
  afterEach(async () => {
    for (const { child } of loaders) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.stdin?.end();
      await once(child, 'exit');
    }
    loaders = [];
  });
  afterAll(() => program.remove());

  const until = async (condition: () => boolean): Promise<void> => {
    for (let i = 0; i < 2_000 && !condition(); i += 1) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(condition()).toBe(true);
  };
  const said = (what: string) =>
    loaders.flatMap((loader) => loader.said.filter((one) => what in one).map((one) => one[what]));

  async function start(options: object): Promise<void> {
    const namespace = `lock-${process.pid}-${Date.now()}`;
    const argument = JSON.stringify({ url: process.env.TEST_REDIS_URL, namespace, ...options });
    loaders = Array.from({ length: 4 }, () => {
      const child = spawn(process.execPath, [program.path, argument], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      const lines: Record<string, unknown>[] = [];
      createInterface({ input: child.stdout }).on('line', (line) => lines.push(JSON.parse(line)));
      const load = (key: string, callers: number): void => {
        child.stdin.write(`${JSON.stringify({ key, callers })}\n`);
      };
      return { child, said: lines, load };
    });
    await until(() => said('ready').length === 4);
  }

  it('run one factory for a thousand callers', async () => {
    await start({ lockMs: 5_000, factoryMs: 200 });
    for (let round = 1; round <= 5; round += 1) {
      for (const loader of loaders) loader.load(`k${round}`, 250);
      await until(() => said('got').length === 4 * round);
      expect(said('began')).toHaveLength(round);
    }
    expect(said('got').every((values) => (values as number[]).length === 1)).toBe(true);
  });

  it('exactly one takes over from one that was killed', async () => {
    await start({ lockMs: 1_500, factoryMs: 300 });
    for (const loader of loaders) loader.load('k', 10);
    await until(() => said('began').length === 1);
    const holder = loaders.find(({ child }) => child.pid === said('began')[0]);
    const exited = holder && once(holder.child, 'exit');
    holder?.child.kill('SIGKILL');
    await exited;
    await until(() => said('got').length === 3);
    const [heir, ...more] = said('began').filter((pid) => pid !== holder?.child.pid);
    expect(more).toEqual([]);
    expect(said('got')).toEqual([[heir], [heir], [heir]]);
  });
});
