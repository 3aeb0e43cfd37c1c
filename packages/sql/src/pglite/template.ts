import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadPglite, PGLITE_VERSION } from './load.js';

const FILE = `pglite-${PGLITE_VERSION}.tar.gz`;

/**
 * Where a template may be: beside the built package, which ships it, or, for runs from source, in the build's output
 * or the cache that the test helper fills.
 */
const PLACES = [`../${FILE}`, `../../dist/${FILE}`, `../../node_modules/.cache/${FILE}`];

/** Where runs from source keep a template. */
export function templateCache(): string {
  return fileURLToPath(new URL(`../../node_modules/.cache/${FILE}`, import.meta.url));
}

/**
 * The archive of a freshly initialised database cluster, if there is one. Unpacking it takes a fifth of the time and
 * of the memory of `initdb`.
 */
export function findTemplate(): string | undefined {
  return PLACES.map((place) => fileURLToPath(new URL(place, import.meta.url))).find((path) =>
    existsSync(path),
  );
}

/** Runs `initdb` once and keeps its result. Safe when several processes do it at once. */
export async function buildTemplate(path: string): Promise<void> {
  const { PGlite } = await loadPglite();
  const db = await PGlite.create();
  try {
    const archive = await db.dumpDataDir('gzip');
    mkdirSync(dirname(path), { recursive: true });
    const partial = `${path}.${randomUUID()}`;
    writeFileSync(partial, Buffer.from(await archive.arrayBuffer()));
    renameSync(partial, path);
  } finally {
    await db.close();
  }
}
