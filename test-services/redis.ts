import { freePort } from './ports.js';
import { findServer } from './programs.js';
import { launch, temporaryFolder } from './server.js';
import { onFreePort, type TestServer, testServer } from './test-server.js';

/** Options of {@link startRedis}. */
export interface RedisOptions {
  /** Writes every command to the disk before it answers, so that `restart()` finds the data. @defaultValue false */
  durable?: boolean;
  /** More arguments of `redis-server`, such as `['--maxmemory', '4mb']`. */
  args?: readonly string[];
  /** More of its environment, such as a locale. */
  env?: Readonly<Record<string, string>>;
}

/** The program that {@link startRedis} runs. */
export const findRedis = (): string | undefined => findServer('redis-server', 'valkey-server');

/** Starts a Redis server of the caller's own. */
export function startRedis(options: RedisOptions = {}): Promise<TestServer> {
  const program = findRedis();
  if (!program) throw new Error('redis-server is not installed');
  const folder = temporaryFolder('redis');
  const persistence = options.durable
    ? ['--appendonly', 'yes', '--appendfsync', 'always']
    : ['--appendonly', 'no'];
  const fixed = ['--bind', '127.0.0.1', '--dir', folder.path, '--save', '', '--databases', '64'];
  return onFreePort(freePort, (port) =>
    testServer({
      url: `redis://127.0.0.1:${port}`,
      port,
      remove: folder.remove,
      start: async () => {
        const server = await launch({
          argv: [
            program,
            '--port',
            String(port),
            ...fixed,
            ...persistence,
            ...(options.args ?? []),
          ],
          ...(options.env === undefined ? {} : { env: options.env }),
        });
        await server.until((log) => log.includes('Ready to accept connections'));
        return server;
      },
    }),
  );
}
