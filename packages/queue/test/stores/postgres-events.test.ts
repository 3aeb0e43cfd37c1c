import { openDatabase } from '@holdfast/sql';
import { expect, it } from 'vitest';
import { findPostgres, startPostgres } from '../../../../test-services/postgres.js';
import type { EventPage, EventsRequest } from '../../src/store.js';
import { postgresStore } from '../../src/stores/postgres.js';
import { Kit } from '../../src/testing.js';

it.skipIf(findPostgres() === undefined)(
  'events stay in order and come once when transaction numbers get another digit',
  async () => {
    const server = await startPostgres();
    const db = await openDatabase({ url: server.url });
    const store = postgresStore(db);
    await store.migrate();
    const kit = new Kit({ store, advance: async () => undefined, close: async () => undefined });
    for (let xid = 0; xid < 990; ) {
      const { rows } = await db.query<{ x: string }>('select pg_current_xact_id()::text as x');
      xid = Number(rows[0]?.x);
      expect(xid).toBeLessThan(1_000);
    }
    const read = async (part: Partial<EventsRequest>): Promise<EventPage> => {
      const page = await store.events?.({ limit: 3, waitMs: 0, ...part });
      if (page === undefined) throw new Error('the store has no events');
      return page;
    };
    const ids: string[] = [];
    for (let n = 0; n < 20; n++) ids.push(await kit.add());
    const seen: string[] = [];
    for (let after: string | undefined; seen.length < ids.length; ) {
      const page = await read(after === undefined ? {} : { after });
      seen.push(...page.events.map(({ subject }) => subject));
      after = page.cursor;
    }
    expect(seen).toEqual(ids);
    const { cursor } = await read({ after: 'latest' });
    const next = await kit.add();
    const { events } = await read({ after: cursor });
    expect(events.map(({ subject }) => subject)).toEqual([next]);
    await store.close();
    await db.close();
    await server.stop();
  },
);
