import { closeSync, fsyncSync, openSync } from 'node:fs';
import type { NodeFS } from '@electric-sql/pglite/nodefs';
import { SqlError } from '../errors.js';
import { PGLITE_VERSION } from './load.js';

/** Emscripten's number of EIO. */
const EIO = 29;

interface OpenFile {
  /** The descriptor of the file in Node; a directory has none. */
  readonly nfd?: number;
  readonly node: object;
}

/** The part of the Emscripten module that maps files to Node's. */
interface NodeFsModule {
  readonly NODEFS?: {
    stream_ops?: { fsync?: (file: OpenFile) => number };
    realPath(node: object): string;
  };
}

/** Flushes a descriptor to the disk; replaced in tests. */
export type Fsync = (descriptor: number) => void;

function syncDirectory(path: string, fsync: Fsync): void {
  const descriptor = openSync(path, 'r');
  try {
    fsync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function install(module: NodeFsModule, fsync: Fsync): void {
  const files = module.NODEFS;
  if (files?.stream_ops === undefined) {
    throw new SqlError(
      'SQL_UNAVAILABLE',
      `This version of PGlite has no file system that fsync can be added to. Install @electric-sql/pglite@${PGLITE_VERSION}`,
    );
  }
  files.stream_ops.fsync = (file) => {
    try {
      if (file.nfd === undefined) syncDirectory(files.realPath(file.node), fsync);
      else fsync(file.nfd);
      return 0;
    } catch {
      // As a number, never as an exception: PGlite swallows exceptions, and Postgres would take the commit for done.
      return EIO;
    }
  };
}

/**
 * Gives PGlite's file system a real fsync. Without it Emscripten's `fd_sync` finds none to call and reports success:
 * a power cut then loses acknowledged commits and can leave a directory that does not open.
 */
export function makeDurable(files: NodeFS, fsync: Fsync = fsyncSync): NodeFS {
  const init = files.init.bind(files);
  files.init = async (db, options) => {
    const prepared = await init(db, options);
    const preRun = prepared.emscriptenOpts.preRun;
    prepared.emscriptenOpts.preRun = [
      (module: NodeFsModule) => install(module, fsync),
      ...(Array.isArray(preRun) ? preRun : []),
    ];
    return prepared;
  };
  return files;
}
