import { join } from 'node:path';

/** Stores on disk, each at its quickest documented settings that outlive the process: bytes in, bytes out. */
export const disks = {
  async holdfast(folder) {
    const { diskStore } = await import('@holdfast/cache/disk');
    const store = diskStore({ path: folder, maxBytes: 2 ** 31 });
    const ttlMs = 3_600_000;
    return {
      set: (key, bytes) => store.setMany('bench', [{ key, bytes, ttlMs }]),
      get: async (key) => (await store.getMany('bench', [key]))[0]?.bytes,
      close: () => store.close(),
    };
  },

  async lmdb(folder) {
    const { open } = await import('lmdb');
    const db = open({ path: join(folder, 'data.mdb'), encoding: 'binary', mapSize: 2 ** 31 });
    return {
      set: (key, bytes) => db.put(key, bytes),
      get: (key) => db.getBinary(key),
      close: () => db.close(),
    };
  },

  async 'better-sqlite3'(folder) {
    const { default: Database } = await import('better-sqlite3');
    const db = new Database(join(folder, 'data.db'));
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = NORMAL');
    db.exec('CREATE TABLE entries (key TEXT PRIMARY KEY, bytes BLOB NOT NULL) WITHOUT ROWID');
    const insert = db.prepare('INSERT OR REPLACE INTO entries VALUES (?, ?)');
    const select = db.prepare('SELECT bytes FROM entries WHERE key = ?').pluck();
    return {
      set: (key, bytes) => insert.run(key, bytes),
      get: (key) => select.get(key),
      close: () => db.close(),
    };
  },

  async cacache(folder) {
    const { default: cacache } = await import('cacache');
    return {
      set: (key, bytes) => cacache.put(folder, key, bytes),
      get: async (key) => (await cacache.get(folder, key)).data,
      close: () => undefined,
    };
  },
};
