import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
/** The built server. */
export const MAIN: string = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const START_MS = 60_000;

/** Builds the server and what it needs, unless that is up to date: a process of its own runs the built files. */
export async function buildServer(): Promise<void> {
  const turbo = fileURLToPath(new URL('../../../node_modules/turbo/bin/turbo', import.meta.url));
  const args = [turbo, 'run', 'build', '--filter=@holdfast/example-server...'];
  await promisify(execFile)(process.execPath, [...args, '--output-logs=errors-only'], {
    cwd: ROOT,
    env: { ...process.env, DO_NOT_TRACK: '1' },
  });
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** A server in a process of its own. */
export class ChildServer {
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
  }

  /** Starts it and waits until it listens. */
  static async start(env: Record<string, string>): Promise<ChildServer> {
    const child = spawn(process.execPath, [MAIN], {
      env: { PATH: process.env.PATH, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const url = await new Promise<string>((resolve, reject) => {
      const fail = (why: string): void => {
        child.kill('SIGKILL');
        reject(new Error(`The server ${why}:\n${output.slice(-4_000)}`));
      };
      const timer = setTimeout(() => fail(`did not listen within ${START_MS} ms`), START_MS);
      const onExit = (code: number | null): void => {
        clearTimeout(timer);
        fail(`ended with ${code}`);
      };
      child.once('exit', onExit);
      let listening = false;
      const read = (chunk: Buffer): void => {
        if (listening) return; // read on, so that the server never waits for its log
        output += String(chunk);
        const found = /"url":"(http:[^"]+)".*"msg":"listening"/.exec(output)?.[1];
        if (found === undefined) return;
        clearTimeout(timer);
        listening = true;
        child.off('exit', onExit);
        resolve(found);
      };
      child.stdout?.on('data', read);
      child.stderr?.on('data', read);
    });
    return new ChildServer(child, url);
  }

  /** Ends it at once, as a power cut would. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Asks it to shut down; gives its exit code. */
  stop(): Promise<number | null> {
    return this.#end('SIGTERM');
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
      return this.#child.exitCode;
    }
    const exit = once(this.#child, 'exit');
    this.#child.kill(signal);
    const [code] = await exit;
    return code as number | null;
  }
}
