import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planFlow } from '../src/flow.js';
import { createQueue, createWorker, defineTask, handle, memoryStore } from '../src/index.js';

const part = defineTask('part');
const whole = defineTask('whole');

describe('enqueueFlow', () => {
  it('runs a task after those it waits for, in whatever order they are listed', async () => {
    const queue = createQueue('q', { store: memoryStore() });
    const outcomes = await queue.enqueueFlow([
      { task: whole, payload: null, after: ['a', 'b'] },
      { ref: 'a', task: part, payload: 1 },
      { ref: 'b', task: part, payload: 2 },
    ]);
    const parent = outcomes[0]?.id ?? '';
    let worked: (value: unknown) => void = () => undefined;
    const done = new Promise((resolve) => {
      worked = resolve;
    });
    const worker = createWorker(queue, [
      handle(part, (n) => (n as number) * 10),
      handle(whole, async () => worked(await queue.children(parent))),
    ]);
    await worker.start();
    expect(await done).toMatchObject([
      { id: outcomes[1]?.id, name: 'part', state: 'completed', result: 10 },
      { id: outcomes[2]?.id, name: 'part', state: 'completed', result: 20 },
    ]);
    await worker.close();
  });

  it('refuses circles, unknown refs and refs used twice, and enqueues nothing', async () => {
    const store = memoryStore();
    const queue = createQueue('q', { store });
    const item = { task: part, payload: 0 };
    const refused = (items: object[]): Promise<string> =>
      queue.enqueueFlow(items.map((links) => ({ ...item, ...links }))).then(
        () => 'accepted',
        (error: Error) => error.message,
      );
    expect(
      await refused([
        { ref: 'a', after: ['c'] },
        { ref: 'b', after: ['a'] },
        { ref: 'c', after: ['b'] },
        { after: ['a'] },
      ]),
    ).toContain('Expected `items` to be without circles, got "a after c after b after a"');
    expect(await refused([{ ref: 'a', after: ['a'] }])).toContain('without circles');
    expect(await refused([{ after: ['a'] }])).toContain('`items[0].after` to be refs of this list');
    expect(await refused([{ ref: 'a' }, { ref: 'a' }])).toContain('`items[1].ref` to be used once');
    expect(await refused([{ ref: 'a', onChildFailure: 'go on' }])).toContain('onChildFailure');
    expect((await store.stats(['q']))[0]?.counts).toMatchObject({ ready: 0, scheduled: 0 });
  });

  it('calls back once when all of a batch are finished, however they ended', async () => {
    const queue = createQueue('q', { store: memoryStore(), retry: { attempts: 1 } });
    const items = [1, 2, 3].map((payload) => ({ task: part, payload }));
    let called: (states: string[]) => void = () => undefined;
    const done = new Promise<string[]>((resolve) => {
      called = resolve;
    });
    const outcomes = await queue.enqueueBatch(items, { task: whole, payload: null });
    const worker = createWorker(queue, [
      handle(part, (n) => {
        if (n === 2) throw new Error('no');
      }),
      handle(whole, async (_, { id }) => called((await queue.children(id)).map((c) => c.state))),
    ]);
    await worker.start();
    expect((await done).sort()).toEqual(['completed', 'completed', 'dead']);
    expect(outcomes.length).toBe(4);
    await worker.close();
  });
});

describe('planFlow', () => {
  it('puts every task after those it waits for, whatever the graph', () => {
    const graph = fc.array(fc.array(fc.nat(), { maxLength: 4 }), { maxLength: 30 });
    fc.assert(
      fc.property(graph, fc.infiniteStream(fc.nat()), (lists, shuffle) => {
        // Edges lead to earlier ones, and then all is shuffled: without circles, in no order.
        const items = lists.map((list, at) => ({
          ref: `${at}`,
          after: at === 0 ? [] : list.map((n) => `${n % at}`),
        }));
        for (let at = items.length - 1; at > 0; at--) {
          const other = (shuffle.next().value ?? 0) % (at + 1);
          [items[at], items[other]] = [items[other] as never, items[at] as never];
        }
        const { order, waits } = planFlow(items);
        const place = new Map(order.map((index, at) => [index, at]));
        expect([...order].sort((a, b) => a - b)).toEqual(items.map((_, index) => index));
        for (const [parent, children] of waits.entries()) {
          for (const child of children)
            expect(place.get(child)).toBeLessThan(place.get(parent) ?? -1);
        }
      }),
    );
  });
});
