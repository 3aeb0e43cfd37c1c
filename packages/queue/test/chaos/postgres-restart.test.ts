import { openDatabase } from '@holdfast/sql';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { findPostgres, startPostgres } from '../../../../test-services/postgres.js';
import type { TestServer } from '../../../../test-services/test-server.js';
import type { Address } from './support/address.js';
import { buildProgram, type Program } from './support/program.js';
import { eventually, pause, scaled } from './support/scale.js';
import { survive } from './support/survive.js';

const TIMEOUT_MS = scaled(90_000, 300_000);
const SETTINGS = { tasks: scaled(1_200, 6_000), handlerMs: 40 };
const TIMES = scaled(2, 12);

describe.skipIf(findPostgres() === undefined)('workers on a PostgreSQL server', () => {
  let program: Program;
  let server: TestServer;
  let address: Address;
  beforeAll(async () => {
    // Commits reach the disk here: what is acknowledged survives.
    [program, server] = await Promise.all([
      buildProgram('worker'),
      startPostgres({ durable: true }),
    ]);
  });
  afterAll(async () => {
    await server?.stop();
    await program?.remove();
  });

  /** A database of its own. */
  async function newDatabase(name: string): Promise<string> {
    const admin = await openDatabase({ url: server.url, pool: { max: 1 } });
    await admin.query(`create database ${name}`);
    await admin.close();
    const url = new URL(server.url);
    url.pathname = `/${name}`;
    address = { kind: 'postgres', url: url.href };
    return url.href;
  }

  it(
    'lose nothing and complete nothing twice when it is stopped with immediate and started again',
    async () => {
      await newDatabase('immediate');
      const happen = async (): Promise<object> => {
        for (let n = 0; n < TIMES; n++) {
          await pause(200 + Math.random() * 300);
          await server.restart('SIGQUIT'); // what `pg_ctl stop -m immediate` sends
        }
        return { restarts: TIMES };
      };
      await survive({
        title: 'Postgres, immediate restarts',
        program,
        address,
        ...SETTINGS,
        happen,
      });
    },
    TIMEOUT_MS,
  );

  it(
    'lose nothing and complete nothing twice when all connections are terminated',
    async () => {
      const url = await newDatabase('terminated');
      const happen = async (): Promise<object> => {
        const admin = await openDatabase({ url: server.url, pool: { max: 1 } });
        let ended = 0;
        await eventually('connections were terminated again and again', async () => {
          const { rows } = await admin.query<{ count: number }>(
            `select count(pg_terminate_backend(pid))::int as count from pg_stat_activity
              where datname = $1 and backend_type = 'client backend'`,
            [new URL(url).pathname.slice(1)],
          );
          ended += rows[0]?.count ?? 0;
          await pause(Math.random() * 200);
          return ended > 6 * TIMES;
        });
        await admin.close();
        return { 'connections terminated': ended };
      };
      await survive({ title: 'Postgres, terminated', program, address, ...SETTINGS, happen });
    },
    TIMEOUT_MS,
  );
});
