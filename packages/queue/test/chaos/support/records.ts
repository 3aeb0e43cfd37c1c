import type { QueueStore, TaskRecord } from '../../../src/index.js';
import type { History } from './history.js';

const PAGE = 500;

/** Every task of some queues, by id. */
export async function readRecords(
  store: QueueStore<never>,
  queues: readonly string[],
): Promise<Map<string, TaskRecord>> {
  const records = new Map<string, TaskRecord>();
  for (const queue of queues) {
    for (let after: string | undefined, isFull = true; isFull; ) {
      const place = after === undefined ? {} : { after };
      const page = await store.find({ queue }, { order: 'oldest', limit: PAGE, ...place });
      for (const record of page) records.set(record.id, record);
      after = page.at(-1)?.id;
      isFull = page.length === PAGE;
    }
  }
  return records;
}

/** Tasks that are not as their events tell, and such as are no more though none told that they were removed. */
export function checkRecords(records: ReadonlyMap<string, TaskRecord>, history: History): string[] {
  const found: string[] = [];
  for (const [id, { phase, epoch, name }] of history.stories) {
    const record = records.get(id);
    if (record !== undefined) {
      if (record.state !== phase || record.epoch !== epoch)
        found.push(`${name} ${id} is ${record.state} ${record.epoch}, and was ${phase} ${epoch}`);
    } else found.push(`${name} ${id} is lost, it was ${phase}`);
  }
  for (const [id, { name }] of records)
    if (!history.stories.has(id)) found.push(`${name} ${id} was never added`);
  return found;
}
