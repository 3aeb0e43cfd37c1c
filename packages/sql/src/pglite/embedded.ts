import { mkdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { PGlite, PGliteOptions } from '@electric-sql/pglite';
import type { Logger } from '../logger.js';
import type { Engine, EngineHooks } from '../session.js';
import { lockDirectory, type Unlock } from './directory-lock.js';
import { type Fsync, makeDurable } from './durable-fs.js';
import { PgliteEngine } from './engine.js';
import { initialise } from './first-init.js';
import { loadNodeFs, loadPglite } from './load.js';
import { Maintenance } from './maintenance.js';
import { findTemplate } from './template.js';

/** A quarter of the default's memory, at no measured cost for databases of this size. */
const MEMORY = ['-c', 'shared_buffers=16MB'];

/** An embedded database in memory: gone with the process. */
export async function openMemory(hooks: EngineHooks): Promise<Engine> {
  const { PGlite, protocol } = await loadPglite();
  const template = findTemplate();
  const db = await PGlite.create({
    startParams: [...PGlite.defaultStartParams, ...MEMORY],
    ...(template === undefined ? {} : { loadDataDir: archive(template) }),
  });
  return new PgliteEngine({
    db,
    writer: protocol.serialize,
    hooks,
    dispose: () => db.close(),
    describe: () => ({ memory: true }),
  });
}

function archive(path: string): Blob {
  return new Blob([readFileSync(path)], { type: 'application/x-gzip' });
}

/** Options of {@link openDirectory}. */
export interface DirectoryOptions {
  dataDir: string;
  logger: Logger;
  /** Replaced in tests. */
  fsync?: Fsync;
}

/** An embedded database in a directory, for this process alone, which survives a crash and a power cut. */
export async function openDirectory(
  options: DirectoryOptions,
  hooks: EngineHooks,
): Promise<Engine> {
  const dataDir = resolve(options.dataDir);
  const { PGlite, protocol } = await loadPglite();
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const unlock = await lockDirectory(dataDir);
  try {
    await initialise(dataDir);
    const db = await startDurable(PGlite, dataDir, options.fsync);
    return directoryEngine({ db, dataDir, unlock, logger: options.logger }, protocol, hooks);
  } catch (error) {
    await unlock();
    throw error;
  }
}

async function startDurable(
  PGliteClass: typeof PGlite,
  dataDir: string,
  fsync: Fsync | undefined,
): Promise<PGlite> {
  const { NodeFS } = await loadNodeFs();
  const options: PGliteOptions = {
    fs: makeDurable(new NodeFS(dataDir), fsync),
    startParams: [
      // -F turns fsync off. The default method, fdatasync, is an empty function in PGlite's build.
      ...PGliteClass.defaultStartParams.filter((param) => param !== '-F'),
      ...['-c', 'fsync=on', '-c', 'wal_sync_method=fsync', ...MEMORY],
    ],
  };
  return PGliteClass.create(options);
}

function directoryEngine(
  parts: { db: PGlite; dataDir: string; unlock: Unlock; logger: Logger },
  protocol: typeof import('@electric-sql/pglite').protocol,
  hooks: EngineHooks,
): Engine {
  const { db, dataDir, unlock, logger } = parts;
  const engine: PgliteEngine = new PgliteEngine({
    db,
    writer: protocol.serialize,
    hooks,
    describe: () => ({ dataDir }),
    onLazyCommit: () => maintenance.flushSoon(),
    dispose: async () => {
      maintenance.stop();
      try {
        await db.close();
      } finally {
        await unlock();
      }
    },
  });
  const maintenance = new Maintenance(engine, logger);
  maintenance.start();
  return engine;
}
