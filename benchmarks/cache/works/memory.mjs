import { runChild } from '../../lib/child.mjs';
import { interleave } from '../../lib/rounds.mjs';
import { atMost, row } from '../../lib/table.mjs';
import { adapterOf, contenders } from '../contenders.mjs';
import { customer, keysOf, liveBytes } from '../measure.mjs';

/** Bytes that a cache takes for each entry, its key and value not counted. */
export async function memoryCase({ contender, entries }) {
  const adapter = await adapterOf(contender);
  const keys = keysOf(entries);
  const values = keys.map((_, i) => customer(i));
  const before = liveBytes();
  const cache = await adapter.l1(contender, { maxEntries: entries });
  for (let i = 0; i < entries; i++) cache.set(keys[i], values[i]);
  cache.sync(keys);
  // Promises of the writes are garbage by then.
  await new Promise((resolve) => setTimeout(resolve, 20));
  const bytes = (liveBytes() - before) / entries;
  cache.sync(keys);
  return bytes;
}

export const memoryWork = {
  name: 'memory',
  title: 'L1: memory of an entry',
  async run(context) {
    const entries = context.size(200_000, 50_000);
    const list = [contenders.ours, contenders.lruCache];
    const [ours, rival] = await interleave(context, list, (contender) =>
      runChild(import.meta.url, 'memoryCase', { contender, entries }),
    );
    return {
      rows: [
        row({
          work: 'L1: memory of an entry beyond its key and value',
          unit: 'bytes',
          ours,
          rival,
          rivalName: contenders.lruCache.label,
          target: atMost(1.3),
        }),
      ],
    };
  },
};
