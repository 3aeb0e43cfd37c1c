import { openDatabase } from '@holdfast/sql';
import { Redis } from 'ioredis';
import type { TestServer } from '../../../../../test-services/test-server.js';

/** What can befall a server beside its lines, by what it is called. */
export interface Disturbances {
  readonly acts: Readonly<Record<string, () => Promise<unknown>>>;
  close(): Promise<void>;
}

/** A server that writes to the disk before it answers is restarted, too. */
export function disturbRedis(server: TestServer): Disturbances {
  const direct = new Redis(server.url);
  direct.on('error', () => undefined); // it was restarted
  return {
    acts: {
      'scripts flushed': () => direct.call('script', ['flush']),
      'clients killed': () => direct.call('client', ['kill', 'type', 'normal']),
      'listeners killed': () => direct.call('client', ['kill', 'type', 'pubsub']),
      restarted: () => server.restart(),
    },
    close: async () => direct.disconnect(),
  };
}

/**
 * It is not restarted here: a claim that was not on the disk is undone, and this history, which is read meanwhile, would
 * tell of it.
 */
export async function disturbPostgres({ url }: TestServer): Promise<Disturbances> {
  const db = await openDatabase({ url, pool: { max: 1 } });
  const toSome = (what: string, which: string): Promise<unknown> =>
    db.query(`select ${what}(pid) from pg_stat_activity
      where backend_type = 'client backend' and pid <> pg_backend_pid() and random() < 0.5 and ${which}`);
  return {
    acts: {
      'connections terminated': () => toSome('pg_terminate_backend', 'true'),
      'statements cancelled': () => toSome('pg_cancel_backend', `state = 'active'`),
    },
    close: async () => void (await db.close({ deadline: 500 })),
  };
}
