import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';

const BLOCK = 512;

function text(header: Buffer, at: number, length: number): string {
  const field = header.toString('utf8', at, at + length);
  const end = field.indexOf('\0');
  return end === -1 ? field : field.slice(0, end);
}

/** Unpacks a ustar archive of plain files and directories: all that a data directory has. */
export function untar(archive: Buffer, into: string): void {
  const root = resolve(into);
  for (let at = 0; at + BLOCK <= archive.length; ) {
    const header = archive.subarray(at, at + BLOCK);
    if (header[0] === 0) return;
    const path = resolve(
      root,
      join(text(header, 345, 155), text(header, 0, 100)).replace(/^[/\\]+/, ''),
    );
    if (path !== root && !path.startsWith(root + sep))
      throw new Error(`Unsafe path in archive: ${path}`);
    const size = Number.parseInt(text(header, 124, 12), 8) || 0;
    const isDirectory = header[156] === '5'.charCodeAt(0);
    mkdirSync(isDirectory ? path : dirname(path), { recursive: true, mode: 0o700 });
    if (!isDirectory) {
      writeFileSync(path, archive.subarray(at + BLOCK, at + BLOCK + size), { mode: 0o600 });
    }
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
}
