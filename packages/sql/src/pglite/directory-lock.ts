import { createHash } from 'node:crypto';
import { closeSync, constants, openSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { SqlError } from '../errors.js';

/** Gives the lock back. */
export type Unlock = () => Promise<void>;

/** How long the holder of a lock has to say who it is. */
const ANSWER_MS = 1_000;

/** Of open(2) on macOS and the BSDs, with flock(2) semantics: the kernel frees it however the process ends. */
const O_EXLOCK = 0x20;
const O_NONBLOCK_BSD = 0x4;

/**
 * Locks a data directory for this process. The kernel frees the lock at any kind of death, so there is never a stale
 * one to judge by its age: an abstract Unix socket on Linux, a named pipe on Windows, a locked file elsewhere.
 * Two containers with network namespaces of their own do not see each other's sockets.
 *
 * @throws SqlError `SQL_DIRECTORY_LOCKED` with the holder's process id
 */
export async function lockDirectory(directory: string): Promise<Unlock> {
  const real = realpathSync(directory);
  if (process.platform !== 'linux' && process.platform !== 'win32') return lockFile(real);
  const id = createHash('sha256').update(real).digest('hex').slice(0, 32);
  const address = process.platform === 'linux' ? `\0holdfast-${id}` : `\\\\.\\pipe\\holdfast-${id}`;
  const server = await listen(address).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code === 'EADDRINUSE') throw lockedError(real, await askHolder(address));
    throw error;
  });
  return () => new Promise((done) => server.close(() => done()));
}

function lockedError(directory: string, pid: number | undefined): SqlError {
  const holder = pid === process.pid ? 'this very process' : `process ${pid ?? '(unknown)'}`;
  return new SqlError(
    'SQL_DIRECTORY_LOCKED',
    `The data directory ${directory} is open in ${holder}. PGlite allows one process (and one handle) per data directory: ` +
      'stop the other one, or use a PostgreSQL server',
    { details: { directory, pid } },
  );
}

function listen(address: string): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.end(String(process.pid));
  });
  server.unref();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(address, () => resolve(server));
  });
}

/** Asks the holder for its process id; nothing when it does not answer, for instance because it is stopped. */
function askHolder(address: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const socket = connect(address);
    const answer = (pid?: number): void => {
      socket.destroy();
      resolve(pid);
    };
    socket.setTimeout(ANSWER_MS, () => answer());
    socket.once('data', (data) => answer(Number(data.toString())));
    socket.once('error', () => answer());
    socket.once('close', () => answer());
  });
}

function lockFile(directory: string): Unlock {
  const path = join(directory, 'holdfast.lock');
  const flags = constants.O_RDWR | constants.O_CREAT | O_EXLOCK | O_NONBLOCK_BSD;
  try {
    const descriptor = openSync(path, flags, 0o600);
    writeFileSync(path, String(process.pid));
    return async () => closeSync(descriptor);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    throw lockedError(directory, Number(readFileSync(path, 'utf8')) || undefined);
  }
}
