// Calls decorated methods and prints what they gave and how often they ran. A program of its own, since Node and the
// test runner do not know decorators: a compiler has to translate them.
import { cached, createCache } from '../../src/index.js';

const cache = createCache({ namespace: 'decorated' });

class Users {
  readonly calls: number[] = [];
  readonly #greeting: string;
  constructor(greeting: string) {
    this.#greeting = greeting;
  }
  @cached(cache, { key: (id: number) => `user:${id}`, ttl: '1m', tags: ['users'] })
  async find(id: number): Promise<string> {
    this.calls.push(id);
    return `${this.#greeting} ${id}`;
  }
}

const [one, other] = [new Users('hello'), new Users('good day')];
const values = [await one.find(1), await one.find(1), await other.find(1), await other.find(2)];
await cache.invalidateTags(['users']);
values.push(await other.find(1));
console.log(JSON.stringify({ values, calls: [one.calls, other.calls] }));
