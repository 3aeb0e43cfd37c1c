import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Kit } from '../../src/testing.js';
import { scaled } from '../chaos/support/scale.js';
import { everyStore, type StoreSource } from './every-store.js';

/** Tasks of the group that fills the queue. */
const MANY = scaled(5_000, 100_000);
const CHUNK = 1_000;

describe.each(everyStore.filter(({ available }) => available))('fair shares on $name', (kind) => {
  let source: StoreSource;
  beforeAll(async () => {
    source = await kind.open();
  });
  afterAll(async () => {
    await source?.close();
  });

  it(`start the task of a newcomer within two claims, behind ${MANY} of one group`, async () => {
    const harness = await source.create();
    const kit = new Kit(harness);
    try {
      for (let added = 0; added < MANY; added += CHUNK) await kit.addGroup('many', CHUNK);
      // Some of them were done before: the newcomer owes nothing for those, and is owed nothing.
      const done = await kit.claim('w', 100);
      await kit.settle('w', ...done.map((task) => kit.completed(task)));
      await kit.addGroup('one', 1);
      await kit.addGroup('two', 3);
      const first = await kit.claimGroups('w', 4);
      expect(first).toContain('one');
      expect(first.filter((group) => group === 'two').length).toBe(1);
      expect(await kit.claimGroups('w', 4)).toEqual(expect.arrayContaining(['two', 'many']));
      expect((await kit.store.stats(['q']))[0]?.counts.ready).toBe(MANY + 4 - 108);
    } finally {
      await harness.close();
    }
  }, 300_000);
});
