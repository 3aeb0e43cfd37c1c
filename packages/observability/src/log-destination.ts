import { openSync, writeSync } from 'node:fs';

/** Where log lines go. Each `write` gets one whole line with its line end. */
export interface LogDestination {
  /** Takes one line. */
  write(line: string): void;
  /** Writes everything that is still in memory before it returns; called on a fatal line and when the process ends. */
  flushSync?(): void;
}

/** Descriptor of the standard output. */
export const STDOUT = 1;
const FLUSH_AT_CHARS = 65_536;
const RETRY_MS = 10;
const MAX_WAITING_CHARS = 8 * 1024 * 1024;
const LAST_FLUSH_MS = 2_000;

/**
 * Lines gathered during one turn of the event loop and written with one call: twice as fast as a call a line, and a
 * kill can take no more than the lines of the running turn. A pipe that is full makes the process wait, as any write
 * to it does, unless it is non-blocking (Node makes the standard output so once `process.stdout` is used and it is a
 * pipe): then lines wait in memory up to 8 MiB, and beyond that the newest are dropped and counted in a line.
 */
class FileDescriptorDestination implements LogDestination {
  readonly #fd: number;
  #lines = '';
  #rest: Buffer | undefined;
  #dropped = 0;
  #scheduled = false;
  #broken = false;

  constructor(fd: number) {
    this.#fd = fd;
  }

  write(line: string): void {
    if (this.#broken) return;
    if (this.#lines.length > MAX_WAITING_CHARS) {
      this.#dropped += 1;
      return;
    }
    this.#lines += line;
    if (this.#scheduled) {
      if (this.#rest === undefined && this.#lines.length >= FLUSH_AT_CHARS) this.#flush();
      return;
    }
    this.#scheduled = true;
    setImmediate(this.#turn);
  }

  flushSync(): void {
    const until = Date.now() + LAST_FLUSH_MS;
    while (!this.#flush() && Date.now() < until) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }

  readonly #turn = (): void => {
    if (this.#flush()) {
      this.#scheduled = false;
      return;
    }
    setTimeout(this.#turn, RETRY_MS).unref();
  };

  /** Writes what the descriptor takes at once. Returns whether nothing is left. */
  #flush(): boolean {
    if (!this.#writeRest()) return false;
    this.#noteDropped();
    const lines = this.#lines;
    this.#lines = '';
    if (lines === '') return true;
    this.#rest = Buffer.from(lines);
    return this.#writeRest();
  }

  #writeRest(): boolean {
    while (this.#rest !== undefined) {
      const written = this.#writeSome(this.#rest);
      if (written === undefined) return false;
      this.#rest = written < this.#rest.length ? this.#rest.subarray(written) : undefined;
    }
    return true;
  }

  /** Bytes written; undefined when the reader is behind. An unusable descriptor swallows everything. */
  #writeSome(bytes: Buffer): number | undefined {
    try {
      return writeSync(this.#fd, bytes);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code === 'EAGAIN') return undefined;
      // the reader is gone for good, or the disk is full: logging must not end the application
      if (code === 'EPIPE' || code === 'EBADF') this.#broken = true;
      return bytes.length;
    }
  }

  #noteDropped(): void {
    if (this.#dropped === 0) return;
    const line = {
      level: 'warn',
      time: new Date().toISOString(),
      dropped: this.#dropped,
      msg: 'log lines dropped: the reader of the log does not keep up',
    };
    this.#dropped = 0;
    this.#lines += `${JSON.stringify(line)}\n`;
  }
}

/** The standard output of the process, by its descriptor: `process.stdout` would change how a pipe behaves. */
export function stdoutDestination(): LogDestination {
  return new FileDescriptorDestination(STDOUT);
}

/** A file that lines are appended to; made when missing. Its folder must exist. */
export function fileDestination(path: string): LogDestination {
  return new FileDescriptorDestination(openSync(path, 'a'));
}
