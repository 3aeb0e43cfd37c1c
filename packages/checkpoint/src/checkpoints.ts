import type {
  Checkpoint,
  CheckpointInfo,
  CheckpointProblem,
  CheckpointSelector,
  Json,
  Page,
  SubjectInfo,
  VerifyReport,
} from './checkpoint.js';
import { systemClock } from './clock.js';
import { decodeCursor } from './cursor.js';
import { durationMs } from './duration.js';
import { CheckpointError } from './errors.js';
import { Handlers, type SubjectHandler } from './handlers.js';
import { type CloseReport, InFlight } from './in-flight.js';
import { checksumOf } from './integrity.js';
import { rolledBackVersion, savedVersion, type UnsealedVersion } from './new-version.js';
import {
  type CheckpointsOptions,
  type CloseOptions,
  check,
  type ListOptions,
  type RollbackOptions,
  rules,
  type SaveOptions,
  type SubjectsOptions,
  selectorRule,
  subjectRule,
  type UndoOptions,
  type VerifyOptions,
} from './options.js';
import { defined, page } from './page.js';
import { splitState } from './segments.js';
import type { CheckpointStore, InTransaction, StoredVersion } from './store.js';
import { type CheckpointStats, type Counters, newCounters, observe, span } from './telemetry.js';
import { infoOf, Vault } from './vault.js';

const SCAN_PAGE = 100;

/** Makes checkpoints over a store. */
export function createCheckpoints<Tx>(options: CheckpointsOptions<Tx>): Checkpoints<Tx> {
  return new Checkpoints(options);
}

/** Saves, loads and restores versions of states. Made by {@link createCheckpoints}. */
export class Checkpoints<Tx = unknown> implements AsyncDisposable {
  readonly #store: CheckpointStore<Tx>;
  readonly #vault: Vault<Tx>;
  readonly #handlers = new Handlers<Tx>();
  readonly #inFlight: InFlight;
  readonly #counters: Counters = newCounters();
  readonly #maxStateBytes: number;
  readonly #stopObserving: () => void;

  /** Use {@link createCheckpoints}. */
  constructor(options: CheckpointsOptions<Tx>) {
    const { maxStateBytes } = check(rules.create, options, 'options');
    this.#store = options.store;
    this.#maxStateBytes = maxStateBytes;
    this.#vault = new Vault(this.#store, this.#counters);
    this.#inFlight = new InFlight(options.clock ?? systemClock);
    this.#stopObserving = observe(this.#counters);
  }

  /**
   * Says how states of a kind of subject are put back, which {@link rollback} needs.
   *
   * @param kind the part of the subject before the first colon
   * @throws CheckpointError `CHECKPOINT_HANDLER_CONFLICT` when the kind has a handler already
   */
  register<State = Json>(kind: string, handler: SubjectHandler<State, Tx>): void {
    check(subjectRule, kind, 'kind');
    if (kind.includes(':') || typeof handler?.restore !== 'function') {
      throw new CheckpointError(
        'CHECKPOINT_OPTION_INVALID',
        'register needs a kind without a colon and a handler with a restore function',
        { details: { kind } },
      );
    }
    this.#handlers.add(kind, handler);
  }

  /**
   * Saves a state as the next version of a subject. Parts that the store has already are not stored again.
   *
   * The state must be JSON: plain objects, arrays, strings, finite numbers, booleans, null. Properties that are
   * `undefined` are left out, and -0 becomes 0, as in JSON; a Date, a Map, NaN and the like are refused with their
   * path.
   *
   * @throws CheckpointError `CHECKPOINT_STATE_INVALID`, `CHECKPOINT_VERSION_CONFLICT`, `CHECKPOINT_OPTION_INVALID`;
   * an error of the store's client as it is
   */
  save(subject: string, state: unknown, options: SaveOptions<Tx> = {}): Promise<CheckpointInfo> {
    return this.#run('checkpoint save', subject, async () => {
      const given = check(rules.save, options, 'options');
      this.#handlers.find(subject)?.check(state);
      const split = splitState(state, this.#maxStateBytes);
      const version = savedVersion(subject, split, { ...given, metadata: options.metadata });
      const info = await this.#append(version, options);
      this.#counters.saves += 1;
      return info;
    });
  }

  /**
   * Loads a version with its state, every part of it verified.
   *
   * @param selector which version
   * @defaultValue the newest
   * @typeParam State what the caller knows the state to be; {@link SubjectHandler.schema} can check it
   * @throws CheckpointError `CHECKPOINT_NOT_FOUND`; `CHECKPOINT_DAMAGED` with `details.lastGood`, the newest earlier
   * version that is intact, or null
   */
  load<State = Json>(
    subject: string,
    selector?: CheckpointSelector,
    options: InTransaction<Tx> = {},
  ): Promise<Checkpoint<State>> {
    return this.#run('checkpoint load', subject, async () => {
      const stored = await this.#find(subject, selector, options);
      const state = await this.#vault.open(stored, options);
      this.#counters.loads += 1;
      return { ...infoOf(stored), state: state as State };
    });
  }

  /** The newest version of a subject without its state, or `null` when there is none. */
  latest(subject: string, options: InTransaction<Tx> = {}): Promise<CheckpointInfo | null> {
    return this.#run('checkpoint latest', subject, async () => {
      const stored = await this.#store.find(subject, undefined, options);
      return stored === null ? null : infoOf(stored);
    });
  }

  /** Versions of a subject without their states, newest first. */
  list(options: ListOptions): Promise<Page<CheckpointInfo>> {
    return this.#inFlight.run(async () => {
      const { cursor, limit, ...filter } = check(rules.list, options, 'options');
      const before = cursor === undefined ? undefined : decodeCursor(cursor, 'number');
      const found = await this.#store.list(defined({ ...filter, before, limit: limit + 1 }));
      return page(found.map(infoOf), limit, ({ version }) => version);
    });
  }

  /** Subjects by name, with their newest version. */
  subjects(options: SubjectsOptions = {}): Promise<Page<SubjectInfo>> {
    return this.#inFlight.run(async () => {
      const { cursor, limit, kind } = check(rules.subjects, options, 'options');
      const after = cursor === undefined ? undefined : decodeCursor(cursor, 'string');
      const found = await this.#store.subjects(defined({ kind, after, limit: limit + 1 }));
      return page(found, limit, ({ subject }) => subject);
    });
  }

  /**
   * Reads stored versions whole and says which are damaged, and how. Each part is read once, however many versions
   * share it.
   * @throws CheckpointError `CHECKPOINT_NOT_FOUND`
   */
  verify(subject: string, options: VerifyOptions = {}): Promise<VerifyReport> {
    return this.#run('checkpoint verify', subject, async () => {
      const { version } = check(rules.verify, options, 'options');
      const selector = version === undefined ? undefined : { version };
      const first = await this.#find(subject, selector, {});
      if (version !== undefined) return this.#verify(subject, [[first]]);
      return this.#verify(subject, this.#pages(subject));
    });
  }

  /**
   * Restores an earlier version through the handler of its kind, and records that as a new version: all in one
   * transaction, so the owner's state and the history agree whatever happens.
   *
   * @returns the new version, whose `origin` says what it was rolled back from and to
   * @throws CheckpointError `CHECKPOINT_HANDLER_NOT_FOUND`, `CHECKPOINT_NOT_FOUND`, `CHECKPOINT_DAMAGED`,
   * `CHECKPOINT_STATE_INVALID`, `CHECKPOINT_VERSION_CONFLICT`; what the handler throws as it is. Nothing has changed
   * then.
   */
  rollback(subject: string, options: RollbackOptions<Tx>): Promise<CheckpointInfo> {
    return this.#run(
      'checkpoint rollback',
      subject,
      async () => {
        const given = check(rules.rollback, options, 'options');
        const { by, reason, expectedVersion = null } = given;
        const handler = this.#handlers.get(subject);
        const selector = typeof given.to === 'number' ? { version: given.to } : given.to;
        const info = await this.#store.transaction(async (tx) => {
          const target = await this.#find(subject, selector, { tx });
          const state = await this.#vault.open(target, { tx });
          // First the record: it keeps other writers of the subject waiting while the owner restores.
          const record = await this.#append(
            rolledBackVersion(target, by, reason, expectedVersion),
            { tx },
          );
          const checkpoint = infoOf(target);
          await handler.restore(state, { tx, subject, checkpoint, by, reason });
          return record;
        }, options);
        this.#counters.rollbacks += 1;
        return info;
      },
      (info) => ({
        'holdfast.consequence': 'rows.changed',
        'holdfast.checkpoint.version': info.version,
      }),
    );
  }

  /**
   * Undoes the rollback that made the newest version, by rolling back to the version before it.
   * @throws CheckpointError `CHECKPOINT_UNDO_CONFLICT` when the newest version was not made by a rollback;
   * whatever {@link rollback} throws
   */
  async undo(subject: string, options: UndoOptions<Tx>): Promise<CheckpointInfo> {
    check(rules.undo, options, 'options');
    const head = await this.latest(subject, options);
    if (head?.origin.kind !== 'rollback') {
      throw new CheckpointError(
        'CHECKPOINT_UNDO_CONFLICT',
        `The newest version of "${subject}" was not made by a rollback`,
        { details: { subject, version: head?.version ?? null } },
      );
    }
    return this.rollback(subject, {
      ...options,
      to: head.origin.from,
      expectedVersion: head.version,
    });
  }

  /** What was done since these checkpoints were made. */
  stats(): CheckpointStats {
    return { ...this.#counters };
  }

  /** Health of the store. */
  health(): ReturnType<CheckpointStore['health']> {
    return this.#store.health();
  }

  /**
   * Refuses new calls (`CHECKPOINT_CLOSED`) and waits for running ones. The store stays open: its maker closes it.
   * Idempotent; always resolves.
   */
  close(options: CloseOptions = {}): Promise<CloseReport> {
    const deadlineMs = durationMs(options.deadline ?? '10s');
    if (Number.isNaN(deadlineMs)) {
      throw new CheckpointError(
        'CHECKPOINT_OPTION_INVALID',
        `Option \`deadline\`: must be a duration; received ${String(options.deadline)}`,
      );
    }
    this.#stopObserving();
    return this.#inFlight.close(deadlineMs);
  }

  /** The same as {@link close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #run<T>(
    name: string,
    subject: string,
    work: () => Promise<T>,
    after?: (result: T) => Record<string, string | number>,
  ): Promise<T> {
    return this.#inFlight.run(async () => {
      check(subjectRule, subject, 'subject');
      return span(name, { 'holdfast.checkpoint.store': this.#store.name }, work, after);
    });
  }

  async #find(
    subject: string,
    selector: CheckpointSelector | undefined,
    options: InTransaction<Tx>,
  ): Promise<StoredVersion> {
    if (selector !== undefined) check(selectorRule, selector, 'selector');
    const stored = await this.#store.find(subject, selector, options);
    if (stored !== null) return stored;
    const wanted = selector === undefined ? 'any version' : JSON.stringify(selector);
    throw new CheckpointError('CHECKPOINT_NOT_FOUND', `"${subject}" does not have ${wanted}`, {
      details: { subject, selector: selector ?? null },
    });
  }

  async #append(version: UnsealedVersion, options: InTransaction<Tx>): Promise<CheckpointInfo> {
    const complete = { ...version, checksum: checksumOf(version) };
    const { kind: _kind, ...given } = await this.#vault.append(complete, { tx: options.tx });
    const { segments: _segments, expectedVersion: _expected, ...facts } = complete;
    return infoOf({ ...facts, ...given });
  }

  async #verify(
    subject: string,
    pages: Iterable<StoredVersion[]> | AsyncIterable<readonly StoredVersion[]>,
  ): Promise<VerifyReport> {
    const verdicts = new Map<string, CheckpointProblem | null>();
    const damaged: { version: number; problems: CheckpointProblem[] }[] = [];
    let checked = 0;
    let lastGood: number | null = null;
    for await (const versions of pages) {
      const found = await this.#vault.inspect(versions, verdicts);
      for (const [index, { version }] of versions.entries()) {
        const problems = found[index] ?? [];
        checked += 1;
        if (problems.length > 0) damaged.push({ version, problems });
        else lastGood ??= version;
      }
    }
    this.#counters.damaged += damaged.length;
    return { subject, checked, damaged, lastGood };
  }

  async *#pages(subject: string): AsyncGenerator<readonly StoredVersion[]> {
    let before: number | undefined;
    for (;;) {
      const versions = await this.#store.list(defined({ subject, before, limit: SCAN_PAGE }));
      yield versions;
      before = versions.at(-1)?.version;
      if (versions.length < SCAN_PAGE) return;
    }
  }
}
