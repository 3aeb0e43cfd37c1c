import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createCache, memoryStore } from '../src/index.js';
import { FaultyStore } from '../src/testing.js';
import { VirtualClock } from './support/virtual-clock.js';

/*
 * The source of truth is a counter a key. A factory reads it when it starts and answers later. Who changes the source
 * invalidates the key, or sets it to the new value, as an application does. The promise: a read that began after a
 * change was acknowledged never returns a value from before the change.
 */
const KEYS = ['a', 'b'];

type Change = 'set' | 'delete' | 'clear' | 'tag' | 'scope';

type Step =
  | { readonly do: 'load' | 'get' | 'peek' | 'set' | 'delete'; readonly key: string }
  | { readonly do: 'clear' | 'tag' | 'scope' | 'release' | 'finish' }
  | { readonly do: 'fault'; readonly fault: 'none' | 'fail' | 'lost-reply' | 'hold' }
  | { readonly do: 'time'; readonly ms: number };

const key = fc.constantFrom(...KEYS);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('load', 'get', 'peek', 'set', 'delete'),
      key,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('clear', 'tag', 'scope', 'release', 'finish') }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('fault'),
      fault: fc.constantFrom('none', 'fail', 'lost-reply', 'hold'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('time'), ms: fc.constantFrom(1, 60, 1_500) }),
  },
) as fc.Arbitrary<Step>;

class World {
  readonly clock = new VirtualClock();
  readonly store = new FaultyStore(memoryStore({ clock: this.clock }));
  readonly root = createCache<number>({
    namespace: 'model',
    ttl: '10s',
    // One entry: the other key always has to come from L2.
    l1: { maxEntries: 1 },
    l2: this.store,
    clock: this.clock,
    resilience: { timeout: 50, failures: 2, retryAfter: 100, maxAwaitingRepair: 2 },
  });
  readonly cache = this.root.namespace('within').namespace('that');
  readonly source = new Map(KEYS.map((name) => [name, 1]));
  /** The value from which on an acknowledged change of the key makes older ones stale. */
  readonly floor = new Map(KEYS.map((name) => [name, 1]));
  readonly pending: Promise<unknown>[] = [];
  readonly stale: string[] = [];
  #factories: (() => void)[] = [];

  #factory(name: string): () => Promise<number> {
    return () => {
      const value = this.source.get(name) ?? 0;
      return new Promise((resolve) => this.#factories.push(() => resolve(value)));
    };
  }

  finish(): void {
    const factories = this.#factories;
    this.#factories = [];
    for (const end of factories) end();
  }

  check(name: string, how: string, floor: number, value: number | undefined): void {
    if (value !== undefined && value < floor)
      this.stale.push(`${how} ${name}: ${value} < ${floor}`);
  }

  read(how: 'load' | 'get', name: string): void {
    const floor = this.floor.get(name) ?? 0;
    const reading =
      how === 'load'
        ? this.cache.getOrSet(name, this.#factory(name), { tags: () => ['all', name] })
        : this.cache.get(name);
    this.pending.push(reading.then((value) => this.check(name, how, floor, value)));
  }

  change(names: readonly string[], how: Change): void {
    const values = new Map(names.map((name) => [name, (this.source.get(name) ?? 0) + 1]));
    for (const [name, value] of values) this.source.set(name, value);
    const changes: Record<Change, () => Promise<void>> = {
      set: () => this.cache.setMany(values, { tags: ['all'] }),
      delete: () => this.cache.deleteMany(names),
      clear: () => this.cache.clear(),
      tag: () => this.root.invalidateTags(['all']),
      scope: () => this.root.namespace('within').clear(),
    };
    const changing = changes[how]();
    const acknowledge = (): void => {
      for (const [name, value] of values) {
        this.floor.set(name, Math.max(this.floor.get(name) ?? 0, value));
      }
    };
    this.pending.push(changing.then(acknowledge));
  }

  async run(one: Step): Promise<void> {
    if (one.do === 'load' || one.do === 'get') this.read(one.do, one.key);
    else if (one.do === 'peek')
      this.check(one.key, 'peek', this.floor.get(one.key) ?? 0, this.cache.peek(one.key));
    else if (one.do === 'set' || one.do === 'delete') this.change([one.key], one.do);
    else if (one.do === 'clear' || one.do === 'tag' || one.do === 'scope')
      this.change(KEYS, one.do);
    else if (one.do === 'release') this.store.release();
    else if (one.do === 'finish') this.finish();
    else if (one.do === 'fault') this.store.fault = one.fault;
    else if (one.do === 'time') await this.clock.advance(one.ms);
  }

  /** Ends everything, lets the store recover, and reads every key once more. */
  async end(): Promise<void> {
    this.store.fault = 'none';
    for (let i = 0; i < 6; i += 1) {
      this.store.release();
      this.finish();
      await this.clock.advance(300);
    }
    await Promise.all(this.pending);
    for (const name of KEYS) {
      this.check(name, 'at the end', this.floor.get(name) ?? 0, await this.cache.get(name));
    }
  }
}

it('never serves a value older than the last acknowledged change, whatever L2 does', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(step, fc.boolean()), { minLength: 5, maxLength: 40 }),
      async (steps) => {
        const world = new World();
        for (const [one, pause] of steps) {
          await world.run(one);
          if (pause) await world.clock.advance(0);
        }
        await world.end();
        expect(world.stale).toEqual([]);
        const { l2 } = world.cache.stats();
        expect([l2?.circuit, l2?.awaitingRepair, l2?.namespaceAwaitingRepair]).toEqual([
          'closed',
          0,
          false,
        ]);
      },
    ),
    { numRuns: 200 },
  );
});
