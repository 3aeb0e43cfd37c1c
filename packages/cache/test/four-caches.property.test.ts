import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Cache, createCache, memoryStore } from '../src/index.js';
import { settle, VirtualClock } from './support/virtual-clock.js';

/*
 * Four caches on one store, as four processes would have them; each tells the others of its changes at once. The source
 * of truth is a counter a key, which a factory reads when it starts. The promise: a read through any of them that began
 * after a change through any of them was acknowledged never returns a value from before the change, also not a stale
 * one in place of an error.
 */
const KEYS = ['a', 'b'];
const CHANGES = ['set', 'delete', 'clear', 'tag', 'scope'] as const;
const READS = ['load', 'get', 'peek'] as const;

type Step =
  | {
      readonly do: (typeof CHANGES)[number] | (typeof READS)[number];
      readonly key: string;
      readonly by: number;
    }
  | { readonly do: 'finish' | 'fail' }
  | { readonly do: 'time'; readonly ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom(...CHANGES, ...READS, ...READS),
      key: fc.constantFrom(...KEYS),
      by: fc.nat(3),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('finish' as const, 'fail' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('time' as const),
      ms: fc.constantFrom(1, 9_000, 11_000),
    }),
  },
);

class World {
  readonly clock = new VirtualClock();
  readonly #roots: Cache[];
  readonly #caches: Cache<number>[];
  readonly #source = new Map(KEYS.map((key) => [key, 1]));
  readonly #floor = new Map(KEYS.map((key) => [key, 1]));
  #factories: ((fail: boolean) => void)[] = [];
  readonly pending: Promise<unknown>[] = [];
  readonly stale: string[] = [];

  constructor() {
    const l2 = memoryStore({ clock: this.clock });
    const options = { namespace: 'four', l2, ttl: '10s', grace: '1m', clock: this.clock } as const;
    const extras = [{}, { softTimeout: 0 }, { refreshAhead: 0.5 }, { l1: false as const }];
    this.#roots = extras.map((extra) => createCache({ ...options, ...extra }));
    this.#caches = this.#roots.map((root) => root.namespace('outer').namespace<number>('inner'));
  }

  #check(key: string, how: string, floor: number, value: number | undefined): void {
    if (value !== undefined && value < floor) this.stale.push(`${how} ${key}: ${value} < ${floor}`);
  }

  #factory(key: string): () => Promise<number> {
    return () => {
      const value = this.#source.get(key) ?? 0;
      return new Promise((resolve, reject) => {
        this.#factories.push((fail) => (fail ? reject(new Error('fails')) : resolve(value)));
      });
    };
  }

  end(fail: boolean): void {
    const factories = this.#factories;
    this.#factories = [];
    for (const end of factories) end(fail);
  }

  read(how: (typeof READS)[number], key: string, by: number): void {
    const cache = this.#caches[by] as Cache<number>;
    const floor = this.#floor.get(key) ?? 0;
    if (how === 'peek') {
      this.#check(key, how, floor, cache.peek(key));
      return;
    }
    const reading =
      how === 'get' ? cache.get(key) : cache.getOrSet(key, this.#factory(key), { tags: ['t'] });
    this.pending.push(
      reading.then(
        (value) => this.#check(key, `${how} by ${by}`, floor, value),
        () => undefined,
      ),
    );
  }

  /** Waited for: changes through two caches at once have no order. */
  async change(how: (typeof CHANGES)[number], key: string, by: number): Promise<void> {
    const cache = this.#caches[by] as Cache<number>;
    const root = this.#roots[by] as Cache;
    const keys = how === 'set' || how === 'delete' ? [key] : KEYS;
    const values = new Map(keys.map((one) => [one, (this.#source.get(one) ?? 0) + 1]));
    for (const [one, value] of values) this.#source.set(one, value);
    const changes = {
      set: () => cache.setMany(values, { tags: ['t'] }),
      delete: () => cache.delete(key),
      clear: () => root.clear(),
      tag: () => root.invalidateTags(['t']),
      scope: () => root.namespace('outer').clear(),
    };
    await changes[how]();
    for (const [one, value] of values) this.#floor.set(one, value);
  }

  async run(one: Step): Promise<void> {
    if ('ms' in one) await this.clock.advance(one.ms);
    else if (!('key' in one)) this.end(one.do === 'fail');
    else if (one.do === 'load' || one.do === 'get' || one.do === 'peek') {
      this.read(one.do, one.key, one.by);
    } else await this.change(one.do, one.key, one.by);
  }

  /** Ends everything, and reads every key through every cache once more. */
  async finish(): Promise<void> {
    let left = true;
    const all = Promise.all(this.pending).then(() => {
      left = false;
    });
    // Those who wait for a factory of another cache look again after a while, where nothing tells them.
    for (let i = 0; i < 100 && left; i += 1) {
      this.end(false);
      await this.clock.advance(100);
    }
    expect(left).toBe(false);
    await all;
    for (let by = 0; by < 4; by += 1) for (const key of KEYS) this.read('get', key, by);
    await settle();
    await Promise.all(this.pending);
  }
}

it('four caches never serve a value older than the last acknowledged change', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(step, fc.boolean()), { minLength: 5, maxLength: 40 }),
      async (steps) => {
        const world = new World();
        for (const [one, pause] of steps) {
          await world.run(one);
          if (pause) await settle();
        }
        await world.finish();
        expect(world.stale).toEqual([]);
      },
    ),
    { numRuns: 60 },
  );
});
