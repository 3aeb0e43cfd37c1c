import { AsyncLocalStorage } from 'node:async_hooks';
import type { CheckpointSelector, SubjectInfo } from '../checkpoint.js';
import { type Clock, systemClock } from '../clock.js';
import { CheckpointError } from '../errors.js';
import { kindOf } from '../handlers.js';
import type {
  AppendOutcome,
  CheckpointStore,
  InTransaction,
  NewVersion,
  Segment,
  StoredVersion,
  SubjectQuery,
  VersionQuery,
} from '../store.js';

/** One subject: version n is at index n - 1. */
interface Subject {
  readonly name: string;
  readonly versions: StoredVersion[];
  readonly segments: Map<string, Segment>;
  /** Held by the transaction that appended; others wait in line. */
  lock: Promise<void>;
  holder: MemoryTransaction | undefined;
  /** Versions there were when the holder came: what others see until it ends. */
  settled: number;
}

/** A transaction of {@link memoryStore}: what was appended with it is taken back when it fails. */
export class MemoryTransaction {
  /** Takes back what was done, newest first. @internal */
  readonly undo: (() => void)[] = [];
  /** Gives back what is held. @internal */
  readonly release: (() => void)[] = [];
}

type Caller = MemoryTransaction | undefined;

/** Options of {@link memoryStore}. */
export interface MemoryStoreOptions {
  /**
   * Gives versions their time.
   * @defaultValue the system's
   */
  clock?: Clock;
}

/** Keeps versions in this process, for tests and for state that may end with it. The reference for every store. */
export function memoryStore(options: MemoryStoreOptions = {}): CheckpointStore<MemoryTransaction> {
  return new MemoryStore(options.clock ?? systemClock);
}

class MemoryStore implements CheckpointStore<MemoryTransaction> {
  readonly name = 'memory';
  readonly #clock: Clock;
  readonly #subjects = new Map<string, Subject>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  append(
    versions: readonly NewVersion[],
    options: InTransaction<MemoryTransaction> = {},
  ): Promise<readonly AppendOutcome[]> {
    const caller = inside.getStore();
    return this.transaction(async (tx) => {
      const outcomes: AppendOutcome[] = [];
      for (const version of versions) {
        const subject = this.#subject(version.subject);
        await lock(subject, tx, caller);
        outcomes.push(this.#append(subject, version, tx));
      }
      return outcomes;
    }, options);
  }

  async find(
    name: string,
    selector: CheckpointSelector | undefined,
    options: InTransaction<MemoryTransaction> = {},
  ): Promise<StoredVersion | null> {
    const versions = this.#visible(name, options.tx);
    if (selector === undefined) return copy(versions.at(-1));
    if ('version' in selector) return copy(versions[selector.version - 1]);
    if ('label' in selector) {
      return copy(versions.findLast(({ label }) => label === selector.label));
    }
    return copy(versions.findLast(({ createdAt }) => createdAt <= selector.at));
  }

  async list(
    query: VersionQuery,
    options: InTransaction<MemoryTransaction> = {},
  ): Promise<readonly StoredVersion[]> {
    const versions = this.#visible(query.subject, options.tx).toReversed();
    return structuredClone(
      versions.filter((version) => matches(version, query)).slice(0, query.limit),
    );
  }

  async read(name: string, hashes: readonly string[]): Promise<readonly Segment[]> {
    const segments = this.#subjects.get(name)?.segments;
    return hashes.flatMap((hash) => segments?.get(hash) ?? []);
  }

  async subjects(query: SubjectQuery): Promise<readonly SubjectInfo[]> {
    const found = [...this.#subjects.keys()]
      .filter((name) => query.kind === undefined || kindOf(name) === query.kind)
      .filter((name) => query.after === undefined || byBytes(name, query.after) > 0)
      .sort(byBytes);
    const infos = found.flatMap((name): SubjectInfo[] => {
      const head = this.#visible(name, undefined).at(-1);
      if (head === undefined) return [];
      return [{ subject: name, version: head.version, updatedAt: head.createdAt }];
    });
    return infos.slice(0, query.limit);
  }

  async transaction<T>(
    work: (tx: MemoryTransaction) => Promise<T>,
    options: InTransaction<MemoryTransaction> = {},
  ): Promise<T> {
    const outer = options.tx;
    const tx = outer ?? new MemoryTransaction();
    const savepoint = tx.undo.length;
    try {
      return await inside.run(tx, () => work(tx));
    } catch (error) {
      for (const undo of tx.undo.splice(savepoint).reverse()) undo();
      throw error;
    } finally {
      if (outer === undefined) for (const release of tx.release.splice(0)) release();
    }
  }

  async health(): ReturnType<CheckpointStore['health']> {
    return { status: 'healthy', details: { store: this.name, subjects: this.#subjects.size } };
  }

  #subject(name: string): Subject {
    const known = this.#subjects.get(name);
    if (known !== undefined) return known;
    const subject: Subject = {
      name,
      versions: [],
      segments: new Map(),
      lock: Promise.resolve(),
      holder: undefined,
      settled: 0,
    };
    this.#subjects.set(name, subject);
    return subject;
  }

  /** Versions a reader may see: those of a transaction in progress are its own. */
  #visible(name: string, tx: MemoryTransaction | undefined): readonly StoredVersion[] {
    const subject = this.#subjects.get(name);
    if (subject === undefined) return [];
    const { holder, versions } = subject;
    if (holder === undefined || holder === tx) return versions;
    return versions.slice(0, subject.settled);
  }

  #append(subject: Subject, version: NewVersion, tx: MemoryTransaction): AppendOutcome {
    const { versions, segments } = subject;
    const head = versions.at(-1);
    const number = versions.length;
    if (version.expectedVersion !== null && version.expectedVersion !== number) {
      return { kind: 'conflict', head: number };
    }
    const given = new Map(version.segments.map((segment) => [segment.hash, segment]));
    const hashes = version.refs.filter((hash) => !given.has(hash) && !segments.has(hash));
    if (hashes.length > 0) return { kind: 'missing', hashes };
    const added = [...given.values()].filter(({ hash }) => !segments.has(hash));
    for (const segment of added) segments.set(segment.hash, segment);
    const createdAt = new Date(Math.max(this.#clock.now(), head?.createdAt.getTime() ?? 0));
    const { segments: _given, expectedVersion: _expected, ...facts } = version;
    const parent = head?.id ?? null;
    versions.push(structuredClone({ ...facts, version: number + 1, parent, createdAt }));
    tx.undo.push(() => {
      versions.pop();
      for (const { hash } of added) segments.delete(hash);
    });
    return { kind: 'appended', version: number + 1, parent, createdAt };
  }
}

/** The transaction whose work is running, to refuse a wait for itself instead of waiting for ever. */
const inside = new AsyncLocalStorage<MemoryTransaction>();

async function lock(subject: Subject, tx: MemoryTransaction, caller: Caller): Promise<void> {
  if (subject.holder === tx) return;
  if (caller !== undefined && subject.holder === caller) {
    throw new CheckpointError(
      'CHECKPOINT_OPTION_INVALID',
      `Saving "${subject.name}" inside its own transaction needs the option \`tx\`: without it, it would wait for itself`,
      { details: { subject: subject.name } },
    );
  }
  const before = subject.lock;
  let release: () => void = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  subject.lock = before.then(() => held);
  await before;
  subject.holder = tx;
  subject.settled = subject.versions.length;
  tx.release.push(() => {
    subject.holder = undefined;
    release();
  });
}

/** So that nobody can change what is kept by changing what was read. */
function copy(version: StoredVersion | undefined): StoredVersion | null {
  return version === undefined ? null : structuredClone(version);
}

function matches(version: StoredVersion, query: VersionQuery): boolean {
  const { before, label, tag, author, from, to } = query;
  return (
    (before === undefined || version.version < before) &&
    (label === undefined || version.label === label) &&
    (tag === undefined || version.tags.includes(tag)) &&
    (author === undefined || version.author === author) &&
    (from === undefined || version.createdAt >= from) &&
    (to === undefined || version.createdAt < to)
  );
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
