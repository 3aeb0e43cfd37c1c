import { AsyncLocalStorage } from 'node:async_hooks';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { groupCommit, openDatabase, SqlError } from '../src/index.js';

const tick = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('groupCommit', () => {
  it('writes at once what is added in one go, and what arrives meanwhile with the next batch', async () => {
    const batches: number[][] = [];
    const group = groupCommit<number, number>({
      flush: async (items) => {
        batches.push([...items]);
        await tick();
        return items.map((item) => item * 2);
      },
    });
    const first = [group.add(1), group.add(2)];
    await Promise.resolve();
    const second = [group.add(3), group.add(4), group.add(5)];
    expect(group.size).toBe(5);
    expect(await Promise.all([...first, ...second])).toEqual([2, 4, 6, 8, 10]);
    expect(batches).toEqual([
      [1, 2],
      [3, 4, 5],
    ]);
    expect(group.size).toBe(0);
  });

  it('flushes every item exactly once, in order, and answers each caller with its own result', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.nat(9), { maxLength: 8 }), { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 1, max: 3 }),
        fc.infiniteStream(fc.nat(2)),
        async (callers, maxBatch, concurrency, pauses) => {
          const flushed: string[] = [];
          let flying = 0;
          let most = 0;
          const group = groupCommit<string, string>({
            maxBatch,
            concurrency,
            flush: async (items) => {
              expect(items.length).toBeLessThanOrEqual(maxBatch);
              expect(items.length).toBeGreaterThan(0);
              flying += 1;
              most = Math.max(most, flying);
              flushed.push(...items);
              for (let n = pauses.next().value; n > 0; n -= 1) await tick();
              flying -= 1;
              return items.map((item) => `done ${item}`);
            },
          });
          await Promise.all(
            callers.map(async (waits, caller) => {
              const results: Promise<void>[] = [];
              for (const [index, wait] of waits.entries()) {
                const item = `${caller}.${index}`;
                results.push(group.add(item).then((result) => expect(result).toBe(`done ${item}`)));
                if (wait > 5) await tick();
              }
              await Promise.all(results);
            }),
          );
          const all = callers.flatMap((waits, caller) =>
            waits.map((_, index) => `${caller}.${index}`),
          );
          expect([...flushed].sort()).toEqual(all.sort());
          expect(most).toBeLessThanOrEqual(concurrency);
          for (const [caller, waits] of callers.entries()) {
            const own = flushed.filter((item) => item.startsWith(`${caller}.`));
            expect(own).toEqual(waits.map((_, index) => `${caller}.${index}`));
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('fails exactly the items that fail, when failures are isolated', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { minLength: 1, maxLength: 20 }), async (poison) => {
        const committed: number[] = [];
        const group = groupCommit<number, string>({
          isolateFailures: true,
          flush: async (items) => {
            if (items.some((item) => poison[item])) throw new Error('poison');
            committed.push(...items);
            return items.map(String);
          },
        });
        const results = await Promise.allSettled(poison.map((_, item) => group.add(item)));
        expect(results.map(({ status }) => status === 'rejected')).toEqual(poison);
        expect(committed).toEqual(poison.flatMap((bad, item) => (bad ? [] : [item])));
      }),
      { numRuns: 60 },
    );
  });

  it('blames no item while the database is away', async () => {
    let flushes = 0;
    const group = groupCommit<number, number>({
      isolateFailures: true,
      flush: () => {
        flushes += 1;
        return Promise.reject(new SqlError('SQL_UNAVAILABLE', 'away'));
      },
    });
    const results = await Promise.allSettled([1, 2, 3, 4].map((item) => group.add(item)));
    expect(results.every(({ status }) => status === 'rejected')).toBe(true);
    expect(flushes).toBe(1);
  });

  it('fails the whole batch otherwise, and goes on with the next', async () => {
    let flushes = 0;
    const group = groupCommit<number, number>({
      flush: async (items) => {
        flushes += 1;
        if (flushes === 1) throw new Error('no');
        return [...items];
      },
    });
    const results = await Promise.allSettled([group.add(1), group.add(2)]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await group.add(3)).toBe(3);
  });

  it('fails one item by an Error among the results', async () => {
    const group = groupCommit<number, number>({
      flush: async (items) => items.map((item) => (item === 2 ? new Error('two') : item)),
    });
    const [one, two] = await Promise.allSettled([group.add(1), group.add(2)]);
    expect(one).toMatchObject({ status: 'fulfilled', value: 1 });
    expect(two).toMatchObject({ status: 'rejected', reason: { message: 'two' } });
  });

  it('fails a batch whose flush throws at once or returns another number of results', async () => {
    const short = groupCommit<number, number>({ flush: async () => [] });
    await expect(short.add(1)).rejects.toMatchObject({ code: 'SQL_STATEMENT_INVALID' });
    const thrower = groupCommit<number, number>({
      flush: () => {
        throw new Error('sync');
      },
    });
    await expect(thrower.add(1)).rejects.toMatchObject({ message: 'sync' });
  });

  it('writes what was added before it is closed and refuses more', async () => {
    const written: number[] = [];
    const group = groupCommit<number, number>({
      maxBatch: 2,
      flush: async (items) => {
        await tick();
        written.push(...items);
        return [...items];
      },
    });
    const adding = [1, 2, 3, 4, 5].map((item) => group.add(item));
    await group.close();
    expect(written).toEqual([1, 2, 3, 4, 5]);
    expect(await Promise.all(adding)).toEqual([1, 2, 3, 4, 5]);
    await expect(group.add(6)).rejects.toMatchObject({ code: 'SQL_CLOSED' });
    await group.close();
  });

  it('flushes in the context it was made in, not in that of the first item', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    const group = storage.run('maker', () =>
      groupCommit<number, number>({
        flush: async (items) => {
          seen.push(storage.getStore());
          return [...items];
        },
      }),
    );
    await storage.run('caller', () => group.add(1));
    expect(seen).toEqual(['maker']);
  });

  it('refuses an add inside a transaction of a one-session database instead of waiting for ever', async () => {
    const db = await openDatabase({ memory: true });
    const group = groupCommit<number, number>({
      database: db,
      flush: (items) => db.transaction(async () => [...items]),
    });
    const stuck = db.transaction(() => group.add(1));
    await expect(stuck).rejects.toMatchObject({ code: 'SQL_STATEMENT_INVALID' });
    expect(await group.add(2)).toBe(2);
    await db.close();
  });

  it('refuses options out of range', () => {
    const flush = async (items: readonly number[]) => [...items];
    expect(() => groupCommit({ flush, maxBatch: 0 })).toThrow(/`maxBatch`.*got 0/);
    expect(() => groupCommit({ flush, concurrency: 1.5 })).toThrow(/`concurrency`.*got 1.5/);
  });
});
