import type { Stats } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { codeOf, lstat, namesIn, rm, unless, unlink, utimes } from './files.js';
import { beginEpoch, type Layout, latestEpoch, parseName } from './layout.js';
import { type Ledger, spaceOf, type Usage } from './ledger.js';
import type { Slots } from './slots.js';
import { LAST_TIME_MS, type Stamps } from './stamps.js';

/** What the sweeper keeps to. */
export interface SweepLimits {
  readonly maxBytes: number;
  readonly maxEntries: number;
  /** Milliseconds that a deletion, and the version of an entry that expired, are remembered. */
  readonly tombstoneMs: number;
}

interface Candidate {
  readonly file: string;
  readonly space: number;
  readonly usedAt: number;
}

/** Eviction goes on to here, so that it is not due again at the next write. */
const LOW_WATER = 0.9;
/** A file that is being written and has not grown for so long was left behind; sooner when its process is gone. */
const ABANDONED_MS = 300_000;
const ORPHANED_MS = 10_000;
/** A sweep of another process that shows no sign of life for so long is over. */
const STALLED_MS = 60_000;
const ALIVE_MS = 5_000;
const WAIT_MS = 5_000;
/** Beyond it a log of tags costs more memory than the entries are worth: its namespace begins anew. */
const LONG_TAG_LOG = 4 * 1_024 * 1_024;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Goes through the whole folder: removes what expired or was left behind, counts the rest, and where that is more than
 * the limits allow removes what was used least recently. One process at a time does it, which saves work; two at a
 * time would do no harm.
 */
export class Sweeper {
  readonly #layout: Layout;
  readonly #ledger: Ledger;
  readonly #stamps: Stamps;
  readonly #slots: Slots;
  readonly #limits: SweepLimits;
  #running: Promise<void> | undefined;
  #shownAt = 0;
  #stopped = false;
  evictions = 0;
  expired = 0;

  constructor(
    parts: { layout: Layout; ledger: Ledger; stamps: Stamps; slots: Slots },
    limits: SweepLimits,
  ) {
    this.#layout = parts.layout;
    this.#ledger = parts.ledger;
    this.#stamps = parts.stamps;
    this.#slots = parts.slots;
    this.#limits = limits;
  }

  /** Sweeps, or waits for the process that does. */
  run(): Promise<void> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Ends a sweep that is in progress, wherever it is. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running?.catch(() => undefined);
  }

  async #run(): Promise<void> {
    await this.#layout.make();
    await this.#stamps.flush();
    if (!(await this.#begin())) {
      for (
        let waited = 0;
        waited < WAIT_MS && !this.#stopped && !(await this.#isOver());
        waited += 20
      )
        await pause(20);
      await this.#ledger.sync();
      return;
    }
    try {
      const settle = await this.#ledger.recount();
      await this.#removeAbandoned();
      const kept: Candidate[] = [];
      for (const folder of await this.#layout.namespaceFolders())
        await this.#namespace(folder, kept);
      if (!this.#stopped) await settle(await this.#evict(kept));
    } finally {
      await unless(unlink(this.#layout.sweeping), 'ENOENT');
    }
  }

  async #begin(): Promise<boolean> {
    const path = this.#layout.sweeping;
    try {
      await writeFile(path, String(process.pid), { flag: 'wx', mode: 0o600 });
    } catch (err) {
      if (codeOf(err) !== 'EEXIST') throw err;
      if (!(await this.#isOver())) return false;
      await writeFile(path, String(process.pid), { mode: 0o600 });
    }
    this.#shownAt = Date.now();
    return true;
  }

  async #isOver(): Promise<boolean> {
    const path = this.#layout.sweeping;
    const stat = await unless(lstat(path), 'ENOENT');
    if (stat === undefined || Date.now() - stat.mtimeMs > STALLED_MS) return true;
    const pid = Number(await unless(readFile(path, 'latin1'), 'ENOENT'));
    return Number.isInteger(pid) && pid > 0 && !isAlive(pid);
  }

  async #showLife(): Promise<void> {
    const now = Date.now();
    if (now - this.#shownAt < ALIVE_MS) return;
    this.#shownAt = now;
    await unless(utimes(this.#layout.sweeping, now / 1_000, now / 1_000), 'ENOENT');
  }

  async #removeAbandoned(): Promise<void> {
    const now = Date.now();
    for (const name of await namesIn(this.#layout.newFiles)) {
      const file = `${this.#layout.newFiles}/${name}`;
      const stat = await unless(lstat(file), 'ENOENT');
      if (stat === undefined) continue;
      const idleMs = now - stat.ctimeMs;
      const orphan = idleMs > ORPHANED_MS && !isAlive(Number.parseInt(name, 10));
      if (orphan || idleMs > ABANDONED_MS) await unless(unlink(file), 'ENOENT');
    }
  }

  async #namespace(folder: string, kept: Candidate[]): Promise<void> {
    const epochs = await namesIn(folder);
    const latest = latestEpoch(epochs);
    for (const epoch of epochs) {
      const path = `${folder}/${epoch}`;
      if (Number(epoch) < latest) await this.#removeTree(path);
      else if (Number(epoch) === latest) await this.#epoch(path, kept);
    }
    const log = await unless(lstat(`${folder}/${latest}/tags`), 'ENOENT', 'ENOTDIR');
    if ((log?.size ?? 0) > LONG_TAG_LOG) await beginEpoch(folder);
  }

  /** What another process adds to it at the same time stays for the next sweep. */
  async #removeTree(path: string): Promise<void> {
    const remove = rm(path, { recursive: true, force: true, maxRetries: 1 });
    await unless(remove, 'ENOENT', 'ENOTEMPTY', 'EBUSY', 'EPERM');
  }

  async #epoch(folder: string, kept: Candidate[]): Promise<void> {
    for (const shard of await namesIn(folder)) {
      if (shard.length !== 3) continue;
      if (this.#stopped) return;
      await this.#showLife();
      const latest = new Map<string, number>();
      const versions = (await namesIn(`${folder}/${shard}`)).flatMap(
        (name) => parseName(name) ?? [],
      );
      for (const { hash, version } of versions) {
        latest.set(hash, Math.max(version, latest.get(hash) ?? 0));
      }
      const looks = versions.map(({ hash, version }) => {
        const file = `${folder}/${shard}/${hash}.${version}`;
        const superseded = version < (latest.get(hash) ?? 0);
        return this.#slots.run(() => this.#look(file, superseded, kept));
      });
      await Promise.all(looks);
    }
  }

  async #look(file: string, superseded: boolean, kept: Candidate[]): Promise<void> {
    const stat = await unless(lstat(file), 'ENOENT');
    if (stat === undefined) return;
    const now = Date.now();
    if (superseded) await unless(unlink(file), 'ENOENT');
    else if (!this.#isOld(stat, now)) {
      if (stat.size === 0) return;
      kept.push({ file, space: spaceOf(stat.size), usedAt: stat.atimeMs });
    } else if (await removed(file)) {
      if (stat.size > 0) this.expired += 1;
    }
  }

  /**
   * Deleted or expired, and for long enough: a version that goes away takes with it that the key was changed, which
   * whoever looked before has to be told.
   */
  #isOld({ size, mtimeMs, ctimeMs }: Stats, now: number): boolean {
    const expired = size === 0 || (mtimeMs <= now && mtimeMs < LAST_TIME_MS);
    return expired && now - ctimeMs > this.#limits.tombstoneMs;
  }

  async #evict(kept: Candidate[]): Promise<Usage> {
    const { maxBytes, maxEntries } = this.#limits;
    let entries = kept.length;
    let bytes = kept.reduce((sum, { space }) => sum + space, 0);
    if (bytes <= maxBytes && entries <= maxEntries) return { bytes, entries };
    kept.sort((a, b) => a.usedAt - b.usedAt);
    const victims: Candidate[] = [];
    for (const candidate of kept) {
      if (bytes <= maxBytes * LOW_WATER && entries <= maxEntries * LOW_WATER) break;
      victims.push(candidate);
      bytes -= candidate.space;
      entries -= 1;
    }
    const removals = victims.map(({ file }) => this.#slots.run(() => removed(file)));
    this.evictions += (await Promise.all(removals)).filter(Boolean).length;
    return { bytes, entries };
  }
}

async function removed(file: string): Promise<boolean> {
  return (
    (await unless(
      unlink(file).then(() => true),
      'ENOENT',
    )) ?? false
  );
}

function isAlive(pid: number): boolean {
  if (pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (err) {
    return codeOf(err) === 'EPERM';
  }
}
