import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A reference server that the demo started. */
export interface ServerProcess {
  readonly url: string;
  readonly secret: string;
  /** Rejects, with the newest part of its log, when it ends before it is stopped. */
  readonly failed: Promise<never>;
  /** Stops it and removes its data. */
  stop(): Promise<void>;
}

const START_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 30_000;
const POLL_MS = 50;
const LOG_LIMIT = 4_000;

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

/** Settings of the user's shell that would make the demo's server another one. */
const LEFT_OUT = ['API_KEYS', 'ROLE', 'OPERATOR_WEBHOOK_URL', 'SHUTDOWN_DEADLINE'];

function environment(settings: Record<string, string>): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !LEFT_OUT.includes(name));
  return { ...Object.fromEntries(inherited), ...settings };
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/health/ready`)).ok;
  } catch {
    return false;
  }
}

async function untilReady(url: string): Promise<void> {
  const deadline = Date.now() + START_DEADLINE_MS;
  while (!(await isReady(url))) {
    if (Date.now() > deadline) throw new Error('The server did not become ready in time');
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/**
 * Starts the built server on a free port, with a new database in a temporary directory (or on `DATABASE_URL`, when
 * it is set) and a new webhook secret, and waits until it is ready.
 */
export async function startServer(): Promise<ServerProcess> {
  const dataDir = mkdtempSync(join(tmpdir(), 'holdfast-demo-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const secret = `whsec_${randomBytes(32).toString('base64')}`;
  const child = spawn(process.execPath, [fileURLToPath(new URL('../main.js', import.meta.url))], {
    env: environment({
      HOST: '127.0.0.1',
      PORT: String(port),
      DATA_DIR: dataDir,
      WEBHOOK_SECRET: secret,
      WEBHOOK_ALLOW_NETWORKS: '127.0.0.0/8',
      LOG_LEVEL: process.env.LOG_LEVEL ?? 'warn',
      // Started by npm, the server watches its parent: it then ends even when the demo is killed.
      npm_lifecycle_event: process.env.npm_lifecycle_event ?? 'demo',
    }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data) => {
      log = (log + data).slice(-LOG_LIMIT);
    });
  const exited = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      log += error.message;
      resolve();
    });
    child.once('exit', (code, signal) => {
      log += `(${signal ?? `exit code ${code}`})`;
      resolve();
    });
  });
  let stopping = false;
  const failed = exited.then(() => {
    if (!stopping) throw new Error(`The server ended by itself:\n${log}`);
    return new Promise<never>(() => undefined);
  });
  failed.catch(() => undefined); // heard by whoever waits for it
  const stop = async () => {
    stopping = true;
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS);
    await exited;
    clearTimeout(timer);
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    await Promise.race([untilReady(url), failed]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, secret, failed, stop };
}
