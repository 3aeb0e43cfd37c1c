import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../src/index.js';
import { queueStoreConformance, virtualClock } from '../../src/testing.js';

queueStoreConformance(
  { describe, it, expect },
  {
    name: 'memory',
    features: memoryStore().traits.features ?? [],
    absent: { transactions: 'memory has none', completeIn: 'memory has no transactions' },
    create: async () => {
      const clock = virtualClock();
      const store = memoryStore({ clock });
      return { store, advance: (ms) => clock.advance(ms), close: () => store.close() };
    },
  },
);

describe('memory store', () => {
  it('refuses a transaction, and options that do not exist', async () => {
    const store = memoryStore();
    const withTx = { tx: {} as never };
    await expect(store.enqueue([], withTx)).rejects.toMatchObject({ code: 'QUEUE_OPTION_INVALID' });
    const options = { clokc: 1 } as object;
    expect(() => memoryStore(options)).toThrow('Expected `options.clokc` to be absent');
  });
});
