import { eventually, type Suite } from './suite.js';

/** LISTEN and NOTIFY. */
export function notificationTests({ describe, it, expect, db }: Suite): void {
  describe('notifications', () => {
    it('reach every listener of the channel, with their payload, in order', async () => {
      const first: string[] = [];
      const second: string[] = [];
      const other: string[] = [];
      const subscriptions = await Promise.all([
        db().listen('orders', (payload) => first.push(payload)),
        db().listen('orders', (payload) => second.push(payload)),
        db().listen('others', (payload) => other.push(payload)),
      ]);
      await db().notify('orders', '1');
      await db().notify('orders');
      await db().query("SELECT pg_notify('orders', '3')");
      await eventually(() => first.length === 3 && second.length === 3);
      expect([first, second, other]).toEqual([['1', '', '3'], ['1', '', '3'], []]);
      for (const subscription of subscriptions) await subscription.close();
    });

    it('wait for the commit and are dropped by a rollback', async () => {
      const seen: string[] = [];
      const subscription = await db().listen('commits', (payload) => seen.push(payload));
      await db()
        .transaction(async (tx) => {
          await tx.query("SELECT pg_notify('commits', 'undone')");
          throw new Error('undo');
        })
        .catch(() => {});
      await db().transaction(async (tx) => {
        await tx.query("SELECT pg_notify('commits', 'kept')");
        seen.push('before the commit');
      });
      await eventually(() => seen.length === 2);
      expect(seen).toEqual(['before the commit', 'kept']);
      await subscription.close();
    });

    it('take any channel name', async () => {
      for (const channel of [
        'Mixed Case',
        'quote"d',
        "apo'strophe; DROP TABLE x",
        'жук',
        'a'.repeat(63),
      ]) {
        const seen: string[] = [];
        const subscription = await db().listen(channel, (payload) => seen.push(payload));
        await db().notify(channel, channel);
        await eventually(() => seen.length === 1);
        expect(seen).toEqual([channel]);
        await subscription.close();
      }
    });

    it('refuse a channel name that Postgres would cut off', async () => {
      const listening = db().listen('a'.repeat(64), () => {});
      await expect(listening).rejects.toMatchObject({ code: 'SQL_OPTION_INVALID' });
    });

    it('stop with the subscription, for this listener alone', async () => {
      const stopped: string[] = [];
      const kept: string[] = [];
      const first = await db().listen('stopping', (payload) => stopped.push(payload));
      const second = await db().listen('stopping', (payload) => kept.push(payload));
      await first.close();
      await first.close();
      await db().notify('stopping', 'x');
      await eventually(() => kept.length === 1);
      expect(stopped).toEqual([]);
      await second.close();
    });

    it('may use the database in their handler, and survive one that throws', async () => {
      const seen: unknown[] = [];
      const thrower = await db().listen('working', () => {
        throw new Error('a broken handler');
      });
      const worker = await db().listen('working', (payload) => {
        void db()
          .query('SELECT $1::int * 2 AS twice', [payload])
          .then(({ rows }) => seen.push(rows[0]?.twice));
      });
      await db().transaction((tx) => tx.query("SELECT pg_notify('working', '21')"));
      await eventually(() => seen.length === 1);
      expect(seen).toEqual([42]);
      await thrower.close();
      await worker.close();
    });
  });
}
