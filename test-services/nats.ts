import { freePort } from './ports.js';
import { findServer } from './programs.js';
import { launch, temporaryFolder } from './server.js';
import { onFreePort, type TestServer, testServer } from './test-server.js';

/** The program that {@link startNats} runs. */
export const findNats = (): string | undefined => findServer('nats-server');

/** Starts a NATS server with JetStream of the caller's own; what it stores survives `restart()`. */
export function startNats(options: { args?: readonly string[] } = {}): Promise<TestServer> {
  const program = findNats();
  if (!program) throw new Error('nats-server is not installed');
  const folder = temporaryFolder('nats');
  return onFreePort(freePort, (port) =>
    testServer({
      url: `nats://127.0.0.1:${port}`,
      port,
      remove: folder.remove,
      start: async () => {
        const place = ['-a', '127.0.0.1', '-p', String(port)];
        const argv = [program, ...place, '-js', '-sd', folder.path, ...(options.args ?? [])];
        const server = await launch({ argv });
        await server.until((log) => log.includes('Server is ready'));
        return server;
      },
    }),
  );
}
