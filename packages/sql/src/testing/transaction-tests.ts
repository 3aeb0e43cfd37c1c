import type { SqlDatabase, SqlTransaction } from '../database.js';
import { eventually, type Suite, signal } from './suite.js';

/** Transactions, savepoints and what happens around them. */
export function transactionTests(suite: Suite): void {
  const { describe, it, expect, db } = suite;
  const ids = async (table: string): Promise<unknown[]> =>
    (await db().query(`SELECT id FROM ${table} ORDER BY id`)).rows.map((row) => row.id);
  const insert = (tx: SqlTransaction, table: string, id: number): Promise<unknown> =>
    tx.query(`INSERT INTO ${table} VALUES ($1)`, [id]);

  describe('transactions', () => {
    it('commit when the function resolves and return its value', async () => {
      await db().exec('CREATE TABLE tx_commit (id int)');
      const value = await db().transaction(async (tx) => {
        await insert(tx, 'tx_commit', 1);
        return 'done';
      });
      expect(value).toBe('done');
      expect(await ids('tx_commit')).toEqual([1]);
    });

    it('roll back when the function throws, and throw the same error', async () => {
      await db().exec('CREATE TABLE tx_rollback (id int)');
      const mine = new Error('mine');
      const thrown: unknown = await db()
        .transaction(async (tx) => {
          await insert(tx, 'tx_rollback', 1);
          throw mine;
        })
        .catch((error: unknown) => error);
      expect(thrown).toBe(mine);
      expect(await ids('tx_rollback')).toEqual([]);
    });

    it('fail, rather than seem to commit, when the error of a statement was swallowed', async () => {
      await db().exec('CREATE TABLE tx_swallow (id int PRIMARY KEY)');
      const swallowing = db().transaction(async (tx) => {
        await insert(tx, 'tx_swallow', 1);
        await insert(tx, 'tx_swallow', 1).catch(() => {});
      });
      await expect(swallowing).rejects.toMatchObject({
        code: 'SQL_CONFLICT',
        details: { constraint: 'tx_swallow_pkey' },
      });
      expect(await ids('tx_swallow')).toEqual([]);
    });

    it('refuse writes when they are read only', async () => {
      await db().exec('CREATE TABLE tx_read_only (id int)');
      const writing = db().transaction((tx) => insert(tx, 'tx_read_only', 1), { readOnly: true });
      await expect(writing).rejects.toMatchObject({ details: { sqlState: '25006' } });
    });

    it('have the isolation and the durability that was asked for', async () => {
      const settings = await db().transaction(
        (tx) =>
          tx.query(
            "SELECT current_setting('transaction_isolation') AS isolation, current_setting('synchronous_commit') AS sync",
          ),
        { isolation: 'serializable', synchronousCommit: 'off' },
      );
      expect(settings.rows).toEqual([{ isolation: 'serializable', sync: 'off' }]);
      const after = await db().query("SELECT current_setting('synchronous_commit') AS sync");
      expect(after.rows).toEqual([{ sync: 'on' }]);
    });

    it('run statements that are not awaited one by one in the order of the calls', async () => {
      await db().exec('CREATE TABLE tx_order (id int, seen bigint)');
      await db().transaction(async (tx) => {
        await Promise.all(
          [1, 2, 3, 4, 5].map((id) =>
            tx.query('INSERT INTO tx_order SELECT $1::int, count(*) FROM tx_order', [id]),
          ),
        );
      });
      const { rows } = await db().query('SELECT id, seen FROM tx_order ORDER BY id');
      expect(rows).toEqual([1, 2, 3, 4, 5].map((id) => ({ id, seen: id - 1 })));
    });

    it('take no statement after their end', async () => {
      let leaked: SqlTransaction | undefined;
      await db().transaction(async (tx) => {
        leaked = tx;
      });
      await expect(leaked?.query('SELECT 1')).rejects.toMatchObject({
        code: 'SQL_STATEMENT_INVALID',
      });
    });

    it('are run again after a serialisation failure, as often as asked', async () => {
      let runs = 0;
      const failing = async (tx: SqlTransaction): Promise<number> => {
        runs += 1;
        if (runs < 3)
          await tx.exec("DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$");
        return runs;
      };
      expect(await db().transaction(failing)).toBe(3);
      runs = 0;
      await expect(db().transaction(failing, { retries: 1 })).rejects.toMatchObject({
        code: 'SQL_CONFLICT',
        details: { sqlState: '40001' },
      });
      expect(runs).toBe(2);
    });
  });

  describe('savepoints', () => {
    it('undo only what was done under them', async () => {
      await db().exec('CREATE TABLE sp_undo (id int PRIMARY KEY)');
      await db().transaction(async (tx) => {
        await insert(tx, 'sp_undo', 1);
        await tx
          .transaction(async (inner) => {
            await insert(inner, 'sp_undo', 2);
            await insert(inner, 'sp_undo', 1);
          })
          .catch(() => {});
        await tx.transaction(async (inner) => {
          await insert(inner, 'sp_undo', 3);
          await inner.transaction((innermost) => insert(innermost, 'sp_undo', 4));
        });
      });
      expect(await ids('sp_undo')).toEqual([1, 3, 4]);
    });

    it('fail when the error of a statement under them was swallowed', async () => {
      await db().exec('CREATE TABLE sp_swallow (id int PRIMARY KEY)');
      await db().transaction(async (tx) => {
        await insert(tx, 'sp_swallow', 1);
        const swallowing = tx.transaction(async (inner) => {
          await insert(inner, 'sp_swallow', 1).catch(() => {});
        });
        await expect(swallowing).rejects.toMatchObject({ code: 'SQL_CONFLICT' });
      });
      expect(await ids('sp_swallow')).toEqual([1]);
    });

    it('started side by side run one after another', async () => {
      await db().exec('CREATE TABLE sp_side (id int PRIMARY KEY)');
      const results = await db().transaction((tx) =>
        Promise.allSettled(
          [1, 2, 1, 3].map((id) => tx.transaction((inner) => insert(inner, 'sp_side', id))),
        ),
      );
      expect(results.map((result) => result.status)).toEqual([
        'fulfilled',
        'fulfilled',
        'rejected',
        'fulfilled',
      ]);
      expect(await ids('sp_side')).toEqual([1, 2, 3]);
    });

    it('refuse calls on the outer transaction from inside, which would wait for themselves', async () => {
      const confused = db().transaction((tx) => tx.transaction(() => tx.query('SELECT 1')));
      await expect(confused).rejects.toMatchObject({ code: 'SQL_STATEMENT_INVALID' });
    });
  });

  afterCommitTests(suite);
  if (suite.capabilities.concurrentSessions === true) concurrencyTests(suite);
  else singleSessionTests(suite);
}

function afterCommitTests({ describe, it, expect, db }: Suite): void {
  describe('afterCommit', () => {
    it('is called once the transaction is visible to others', async () => {
      await db().exec('CREATE TABLE ac_visible (id int)');
      const seen = signal();
      let count: unknown;
      await db().transaction(async (tx) => {
        tx.afterCommit(() => {
          void db()
            .query('SELECT count(*) AS count FROM ac_visible')
            .then(({ rows }) => {
              count = rows[0]?.count;
              seen.resolve();
            });
        });
        await tx.query('INSERT INTO ac_visible VALUES (1)');
      });
      await seen.promise;
      expect(count).toBe(1);
    });

    it('is dropped with a rollback, with a savepoint, and with an attempt that is repeated', async () => {
      const calls: string[] = [];
      let attempts = 0;
      await db().transaction(async (tx) => {
        attempts += 1;
        tx.afterCommit(() => calls.push('outer'));
        await tx
          .transaction(async (inner) => {
            inner.afterCommit(() => calls.push('undone'));
            throw new Error('undo');
          })
          .catch(() => {});
        await tx.transaction(async (inner) => {
          inner.afterCommit(() => calls.push('kept'));
        });
        if (attempts === 1) {
          await tx.exec("DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40P01'; END $$");
        }
      });
      const failing = db().transaction(async (tx) => {
        tx.afterCommit(() => calls.push('rolled back'));
        throw new Error('no');
      });
      await failing.catch(() => {});
      expect(calls).toEqual(['outer', 'kept']);
    });

    it('never fails the transaction by what it throws', async () => {
      const value = await db().transaction(async (tx) => {
        tx.afterCommit(() => {
          throw new Error('too late');
        });
        return 'committed';
      });
      expect(value).toBe('committed');
    });
  });
}

function concurrencyTests({ describe, it, expect, db }: Suite): void {
  describe('concurrent sessions', () => {
    it('see only what the others have committed', async () => {
      await db().exec('CREATE TABLE cs_seen (id int)');
      await db().transaction(async (tx) => {
        await tx.query('INSERT INTO cs_seen VALUES (1)');
        expect((await db().query('SELECT * FROM cs_seen')).rows).toEqual([]);
      });
      expect((await db().query('SELECT * FROM cs_seen')).rows).toEqual([{ id: 1 }]);
    });

    it('repeat a serialisable transaction that another one came between', async () => {
      await db().exec('CREATE TABLE cs_sum (who text, amount int)');
      const copy = (from: string, to: string): Promise<unknown> =>
        db().transaction(
          async (tx) => {
            await tx.query('INSERT INTO cs_sum SELECT $2, count(*) FROM cs_sum WHERE who = $1', [
              from,
              to,
            ]);
          },
          { isolation: 'serializable', retries: 20 },
        );
      await Promise.all([copy('a', 'b'), copy('b', 'a'), copy('a', 'b'), copy('b', 'a')]);
      expect((await db().query('SELECT count(*) AS count FROM cs_sum')).rows).toEqual([
        { count: 4 },
      ]);
    });

    it('get out of a deadlock', async () => {
      await db().exec(
        'CREATE TABLE cs_lock (id int PRIMARY KEY, n int); INSERT INTO cs_lock VALUES (1, 0), (2, 0)',
      );
      const both = [signal(), signal()] as const;
      const bump = (first: number, second: number, own: number): Promise<unknown> =>
        db().transaction(async (tx) => {
          await tx.query('UPDATE cs_lock SET n = n + 1 WHERE id = $1', [first]);
          both[own]?.resolve();
          await Promise.all(both.map(({ promise }) => promise));
          await tx.query('UPDATE cs_lock SET n = n + 1 WHERE id = $1', [second]);
        });
      await Promise.all([bump(1, 2, 0), bump(2, 1, 1)]);
      expect((await db().query('SELECT n FROM cs_lock')).rows).toEqual([{ n: 2 }, { n: 2 }]);
    });
  });
}

function singleSessionTests({ describe, it, expect, db }: Suite): void {
  const nested: [string, (db: SqlDatabase) => Promise<unknown>][] = [
    ['query', (database) => database.query('SELECT 1')],
    ['exec', (database) => database.exec('SELECT 1')],
    ['transaction', (database) => database.transaction(async () => 1)],
    ['listen', (database) => database.listen('ss', () => {})],
    ['notify', (database) => database.notify('ss')],
  ];

  describe('one session', () => {
    for (const [name, call] of nested) {
      it(`refuses ${name} on the handle inside one of its transactions instead of waiting for ever`, async () => {
        const waiting = db().transaction(async () => call(db()));
        await expect(waiting).rejects.toMatchObject({ code: 'SQL_STATEMENT_INVALID' });
      });
    }

    it('answers a health check inside a transaction', async () => {
      const report = await db().transaction(() => db().health());
      expect(report.status).toBe('healthy');
    });

    it('lets what was started in a transaction use the handle after its end', async () => {
      const later = signal();
      let rows: unknown;
      await db().transaction(async () => {
        setTimeout(() => {
          void db()
            .query('SELECT 1 AS one')
            .then((result) => {
              rows = result.rows;
            })
            .finally(later.resolve);
        }, 20);
      });
      await later.promise;
      expect(rows).toEqual([{ one: 1 }]);
    });

    it('keeps statements outside of a transaction waiting for its end', async () => {
      await db().exec('CREATE TABLE ss_wait (id int)');
      const started = signal();
      const go = signal();
      const first = db().transaction(async (tx) => {
        started.resolve();
        await go.promise;
        await tx.query('INSERT INTO ss_wait VALUES (1)');
      });
      await started.promise;
      const read = db().query('SELECT * FROM ss_wait');
      expect(db().stats()).toMatchObject({ waiting: 1, checkedOut: 1 });
      go.resolve();
      await first;
      expect((await read).rows).toEqual([{ id: 1 }]);
    });

    it('lets timers run while statements follow each other without a pause', async () => {
      let ticks = 0;
      const timer = setInterval(() => {
        ticks += 1;
      }, 1);
      const end = performance.now() + 100;
      while (performance.now() < end) await db().query('SELECT 1');
      clearInterval(timer);
      await eventually(() => true);
      expect(ticks).toBeGreaterThan(2);
    });
  });
}
