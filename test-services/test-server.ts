import type { SupervisedProcess } from './server.js';

/** A server of a test's own: cheap enough to be paused, killed and started again without disturbing anyone. */
export interface TestServer {
  readonly url: string;
  readonly port: number;
  /** Process id of the server that runs now; changes with {@link TestServer.restart}. */
  readonly pid: number;
  /** The newest part of what the server printed. */
  log(): string;
  /** Stops it in good order and removes its folder. Idempotent. */
  stop(): Promise<void>;
  /** SIGKILL, and waits until it is gone. Its folder stays for {@link TestServer.restart}. */
  kill(): Promise<void>;
  /**
   * Starts it again on the same port and folder; ends it first when it still runs.
   *
   * @param signal - what ends it, such as `'SIGQUIT'` for an immediate shutdown of PostgreSQL
   * @defaultValue `'SIGKILL'`
   */
  restart(signal?: NodeJS.Signals): Promise<void>;
  /** Freezes the process (SIGSTOP): connections stay open and nothing answers. */
  pause(): void;
  /** Ends {@link TestServer.pause}. */
  resume(): void;
}

/** How {@link testServer} gets and cleans a server. */
export interface TestServerParts {
  url: string;
  port: number;
  /** Starts the program and resolves when it accepts connections. */
  start(): Promise<SupervisedProcess>;
  /** Removes what it left. */
  remove(): void;
}

/** Runs a server from its parts. */
export async function testServer(parts: TestServerParts): Promise<TestServer> {
  let running = await parts.start();
  const end = async (signal: NodeJS.Signals) => {
    running.signal(signal);
    await running.ended();
  };
  return {
    url: parts.url,
    port: parts.port,
    get pid() {
      return running.pid;
    },
    log: () => running.log(),
    stop: async () => {
      await running.stop();
      parts.remove();
    },
    kill: () => end('SIGKILL'),
    restart: async (signal = 'SIGKILL') => {
      await end(signal);
      running = await parts.start();
    },
    pause: () => running.signal('SIGSTOP'),
    resume: () => running.signal('SIGCONT'),
  };
}

const PORT_ATTEMPTS = 5;

/** Runs `start` again with another port when somebody took the port it chose in the meantime. */
export async function onFreePort<T>(
  choose: () => Promise<number>,
  start: (port: number) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(await choose());
    } catch (error) {
      if (
        attempt === PORT_ATTEMPTS ||
        !/address already in use|could not bind/i.test(String(error))
      )
        throw error;
    }
  }
}
