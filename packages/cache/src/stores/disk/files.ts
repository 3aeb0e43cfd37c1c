import fs from 'node:fs';
import { promisify } from 'node:util';

/*
 * The callback calls of node:fs as promises. `fs.promises` would do, at half as much again of processor time an
 * operation: it makes an object with a finaliser of every open file.
 */
export const open: typeof fs.open.__promisify__ = promisify(fs.open);
export const close: typeof fs.close.__promisify__ = promisify(fs.close);
export const read: typeof fs.read.__promisify__ = promisify(fs.read);
export const writev: typeof fs.writev.__promisify__ = promisify(fs.writev);
export const futimes: typeof fs.futimes.__promisify__ = promisify(fs.futimes);
export const fdatasync: typeof fs.fdatasync.__promisify__ = promisify(fs.fdatasync);
export const link: typeof fs.link.__promisify__ = promisify(fs.link);
export const unlink: typeof fs.unlink.__promisify__ = promisify(fs.unlink);
export const rename: typeof fs.rename.__promisify__ = promisify(fs.rename);
export const utimes: typeof fs.utimes.__promisify__ = promisify(fs.utimes);
export const lstat: typeof fs.lstat.__promisify__ = promisify(fs.lstat);
export const rm: typeof fs.rm.__promisify__ = promisify(fs.rm);
export const mkdir: typeof fs.mkdir.__promisify__ = promisify(fs.mkdir);

const readdir = promisify(fs.readdir);

/** What the operating system called the error, such as `'ENOENT'`. */
export function codeOf(err: unknown): string | undefined {
  return err instanceof Error && 'code' in err ? String(err.code) : undefined;
}

/** The result, or `undefined` when the error has one of the codes. */
export async function unless<T>(work: Promise<T>, ...codes: string[]): Promise<T | undefined> {
  try {
    return await work;
  } catch (err) {
    if (codes.includes(codeOf(err) ?? '')) return undefined;
    throw err;
  }
}

/** Names in a folder; none when there is no such folder. */
export async function namesIn(folder: string): Promise<readonly string[]> {
  return (await unless(readdir(folder, 'latin1'), 'ENOENT', 'ENOTDIR')) ?? [];
}

/** Makes a folder that only its owner may look into, with those above it. */
export async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
}

/**
 * Writes all of it.
 * @param position - where to begin; the file's present position when not given
 */
export async function writeAll(
  fd: number,
  parts: readonly Uint8Array[],
  position?: number,
): Promise<void> {
  let at = position;
  let left = parts.filter((part) => part.length > 0);
  while (left.length > 0) {
    const { bytesWritten } = await (at === undefined ? writev(fd, left) : writev(fd, left, at));
    if (at !== undefined) at += bytesWritten;
    left = withoutFirst(left, bytesWritten);
  }
}

function withoutFirst(parts: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let skip = bytes;
  const rest: Uint8Array[] = [];
  for (const part of parts) {
    if (skip < part.length) rest.push(part.subarray(skip));
    skip = Math.max(0, skip - part.length);
  }
  return rest;
}

/** Reads until the buffer is full or the file ends; tells how much it read. */
export async function readAll(fd: number, into: Uint8Array, position: number): Promise<number> {
  let at = 0;
  while (at < into.length) {
    const { bytesRead } = await read(fd, into, at, into.length - at, position + at);
    if (bytesRead === 0) break;
    at += bytesRead;
  }
  return at;
}
