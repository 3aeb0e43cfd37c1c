import { loadPeer } from '../peer.js';

/** The exact version that the driver was written for: it reaches into parts of PGlite that no version promises. */
export const PGLITE_VERSION = '0.5.16';

const PACKAGE = '@electric-sql/pglite';
const NEED = 'an embedded database';

/** Loads PGlite on first use. */
export function loadPglite(): Promise<typeof import('@electric-sql/pglite')> {
  return loadPeer(PACKAGE, PGLITE_VERSION, NEED, () => import('@electric-sql/pglite'));
}

/** Loads PGlite's file system for Node. */
export function loadNodeFs(): Promise<typeof import('@electric-sql/pglite/nodefs')> {
  return loadPeer(PACKAGE, PGLITE_VERSION, NEED, () => import('@electric-sql/pglite/nodefs'));
}
