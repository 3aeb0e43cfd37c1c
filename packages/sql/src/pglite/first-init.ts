import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { invalidOption } from '../options.js';
import { loadPglite } from './load.js';
import { findTemplate } from './template.js';
import { untar } from './untar.js';

/** Files of ours or of the operating system that do not make a directory somebody's. */
const IGNORED = new Set(['holdfast.lock', 'lost+found', '.DS_Store']);

/**
 * Makes a database cluster in an empty directory, all or nothing: it is written beside the directory, flushed to the
 * disk and renamed. The caller holds the directory's lock.
 */
export async function initialise(
  directory: string,
  template: string | null = findTemplate() ?? null,
): Promise<void> {
  if (existsSync(join(directory, 'PG_VERSION'))) return;
  if (readdirSync(directory).some((name) => !IGNORED.has(name))) {
    throw invalidOption('dataDir', 'an empty directory or one that holds a database', directory);
  }
  const partial = join(dirname(directory), `.${basename(directory)}.init`);
  // Of a process that died half-way: nobody else can be writing it, because the directory is locked.
  rmSync(partial, { recursive: true, force: true });
  await writeCluster(partial, template);
  syncTree(partial);
  moveInto(partial, directory);
  syncDirectory(dirname(directory));
}

async function writeCluster(partial: string, template: string | null): Promise<void> {
  if (template !== null) {
    mkdirSync(partial, { recursive: true, mode: 0o700 });
    untar(gunzipSync(readFileSync(template)), partial);
  } else {
    const { PGlite } = await loadPglite();
    const db = await PGlite.create(partial);
    await db.close();
  }
  rmSync(join(partial, 'postmaster.pid'), { force: true });
}

/** A rename replaces an empty directory at once; one that cannot be (a mount point) is filled, PG_VERSION last. */
function moveInto(partial: string, directory: string): void {
  try {
    renameSync(partial, directory);
  } catch {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const names = readdirSync(partial).filter((name) => name !== 'PG_VERSION');
    for (const name of [...names, 'PG_VERSION']) {
      rmSync(join(directory, name), { recursive: true, force: true });
      renameSync(join(partial, name), join(directory, name));
    }
    syncDirectory(directory);
    rmSync(partial, { recursive: true, force: true });
  }
}

function syncTree(directory: string): void {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) syncTree(path);
    else syncPath(path);
  }
  syncDirectory(directory);
}

function syncPath(path: string): void {
  const descriptor = openSync(path, 'r+');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Makes renames and new files in a directory last. Windows has no such call and needs none. */
function syncDirectory(path: string): void {
  if (process.platform === 'win32') return;
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
