import { execFileSync } from 'node:child_process';
import { chownSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './ports.js';
import { findPostgresFolder, findProgram } from './programs.js';
import { type Launch, launch, temporaryFolder } from './server.js';
import { onFreePort, type TestServer, testServer } from './test-server.js';

/** Options of {@link startPostgres}. */
export interface PostgresOptions {
  /** Keeps `fsync` and full page writes on, so that a killed server recovers every commit. @defaultValue false */
  durable?: boolean;
  /** More settings, such as `{ max_connections: '5' }`. */
  settings?: Readonly<Record<string, string>>;
}

/** A way to run a program that refuses to be run by root. */
interface Unprivileged {
  prefix: readonly string[];
  identity: Pick<Launch, 'uid' | 'gid'>;
}

/** The folder of the programs that {@link startPostgres} runs. */
export const findPostgres = (): string | undefined => findPostgresFolder();

function userId(name: string): { uid: number; gid: number } | undefined {
  try {
    const ask = (flag: string) => Number(execFileSync('id', [flag, name], { stdio: 'pipe' }));
    return { uid: ask('-u'), gid: ask('-g') };
  } catch {
    return undefined;
  }
}

/** PostgreSQL refuses to run as root: as another user, or, where that is not possible, in a user namespace. */
function waysToRun(): Unprivileged[] {
  if (process.getuid?.() !== 0) return [{ prefix: [], identity: {} }];
  const ways: Unprivileged[] = [];
  const user = userId('postgres') ?? userId('nobody');
  if (user) ways.push({ prefix: [], identity: user });
  const unshare = findProgram('unshare');
  if (unshare) {
    const prefix = [unshare, '--user', '--map-user=65534', '--map-group=65534'];
    ways.push({ prefix, identity: {} });
  }
  return ways;
}

const LOCALE = process.platform === 'linux' ? 'C.UTF-8' : 'en_US.UTF-8';
// No waiting for the disk, by settings of the server alone: sessions behave as usual.
const SPEED = { fsync: 'off', full_page_writes: 'off' };
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  max_connections: '200',
  // Shared memory as files of its own folder: nothing is left in /dev/shm when the server is killed.
  dynamic_shared_memory_type: 'mmap',
  timezone: 'UTC',
};

/** Creates the database cluster; returns how the server itself must be run. */
async function createCluster(bin: string, folder: string): Promise<Unprivileged> {
  const failures: string[] = [];
  for (const way of waysToRun()) {
    try {
      if (way.identity.uid !== undefined)
        chownSync(folder, way.identity.uid, way.identity.gid ?? 0);
      const initdb = await launch({
        ...way.identity,
        argv: [
          ...way.prefix,
          join(bin, 'initdb'),
          ...['-D', join(folder, 'data'), '-U', 'postgres', '--auth=trust', '--no-sync'],
          ...['--encoding=UTF8', `--locale=${LOCALE}`, '--no-instructions'],
        ],
      });
      if ((await initdb.ended()) === 0) return way;
      failures.push(initdb.log());
    } catch (error) {
      failures.push(String(error));
    }
    if (way.identity.uid !== undefined) chownSync(folder, 0, 0);
  }
  throw new Error(`initdb failed: ${failures.join('\n')}`);
}

/** Starts a PostgreSQL server of the caller's own. */
export async function startPostgres(options: PostgresOptions = {}): Promise<TestServer> {
  const bin = findPostgres();
  if (!bin) throw new Error('PostgreSQL (initdb and postgres) is not installed');
  const folder = temporaryFolder('postgres');
  const way = await createCluster(bin, folder.path);
  const settings = { ...SETTINGS, ...(options.durable ? {} : SPEED), ...options.settings };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return onFreePort(freePort, (port) =>
    testServer({
      url: `postgres://postgres@127.0.0.1:${port}/postgres`,
      port,
      remove: folder.remove,
      start: async () => {
        const place = ['-D', join(folder.path, 'data'), '-p', String(port), '-k', folder.path];
        const server = await launch({
          ...way.identity,
          argv: [...way.prefix, join(bin, 'postgres'), ...place, ...flags],
          stopSignal: 'SIGQUIT', // at once: the folder is about to go
        });
        await server.until((log) => log.includes('database system is ready to accept connections'));
        return server;
      },
    }),
  );
}
