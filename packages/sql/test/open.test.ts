import { describe, expect, it } from 'vitest';
import { isSqlError, openDatabase, SqlError } from '../src/index.js';
import { loadPeer } from '../src/peer.js';

describe('openDatabase', () => {
  it('refuses options that contradict each other or are out of range, and names them', async () => {
    const url = 'postgres://localhost/x';
    const wrong: [object, string, RegExp][] = [
      [{}, 'url', /exactly one.*got none/],
      [{ url, memory: true }, 'url', /exactly one.*got url and memory/],
      [{ memory: false }, 'memory', /`memory` to be true, got false/],
      [{ dataDir: ' ' }, 'dataDir', /`dataDir`/],
      [{ url: 'mysql://localhost' }, 'url', /'postgres:\/\/'/],
      [{ url, pool: { max: 0 } }, 'pool.max', /`pool.max` to be a whole number from 1 .* got 0/],
      [{ url, pool: { idleTimeout: '1y' } }, 'pool.idleTimeout', /`pool.idleTimeout`.*"1y"/],
      [{ url, pool: { connectTimeout: -5 } }, 'pool.connectTimeout', /got -5/],
      [{ memory: true, statementTimeout: '30d' }, 'statementTimeout', /24 days/],
    ];
    for (const [options, option, message] of wrong) {
      const error: unknown = await openDatabase(options as { memory: true }).catch(
        (e: unknown) => e,
      );
      expect(error).toMatchObject({ code: 'SQL_OPTION_INVALID', details: { option } });
      expect(String(error)).toMatch(message);
    }
  });

  it('never shows the URL, which may hold a password', async () => {
    const error: unknown = await openDatabase({ url: 'http://me:secret@host/x' }).catch(
      (e: unknown) => e,
    );
    expect(JSON.stringify(error) + String(error)).not.toContain('secret');
  });

  it('says what to install when a driver is missing', async () => {
    const cause = new Error("Cannot find package 'pg'");
    const loading = loadPeer('pg', '8', 'a PostgreSQL server', () => Promise.reject(cause));
    await expect(loading).rejects.toMatchObject({
      code: 'SQL_PEER_MISSING',
      message: expect.stringContaining('npm install pg@8'),
      cause,
    });
  });
});

describe('isSqlError', () => {
  it('knows errors of any copy of the package', () => {
    class Copy extends Error {
      override readonly name = 'SqlError';
      readonly code = 'SQL_CLOSED';
    }
    expect(
      [new SqlError('SQL_CLOSED', 'x'), new Copy(), new Error('x'), 'x'].map(isSqlError),
    ).toEqual([true, true, false, false]);
  });
});
