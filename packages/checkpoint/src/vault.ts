import type { CheckpointInfo, CheckpointProblem, Json } from './checkpoint.js';
import { CheckpointError } from './errors.js';
import { recordProblems, segmentProblems } from './integrity.js';
import { joinState } from './segments.js';
import type {
  AppendOutcome,
  CheckpointStore,
  InTransaction,
  NewVersion,
  StoredVersion,
} from './store.js';
import type { Counters } from './telemetry.js';

/** Versions whose segments are assumed to be in the store; a wrong guess costs one more call. */
const REMEMBERED_SUBJECTS = 256;
const SCAN_PAGE = 100;

/** Gives what callers may know of a stored version. */
export function infoOf(stored: StoredVersion): CheckpointInfo {
  const { manifest: _manifest, refs: _refs, checksum: _checksum, origin, ...facts } = stored;
  if (origin.kind === 'save') return { ...facts, origin: { kind: 'save' } };
  const { to, reason } = origin;
  return { ...facts, origin: { kind: 'rollback', from: facts.version - 1, to, reason } };
}

/** Writes and reads states as segments, and trusts nothing it has not verified. */
export class Vault<Tx> {
  readonly #store: CheckpointStore<Tx>;
  readonly #counters: Counters;
  /** Hashes of the newest known version of each subject, so that unchanged segments are not even sent. */
  readonly #known = new Map<string, ReadonlySet<string>>();

  constructor(store: CheckpointStore<Tx>, counters: Counters) {
    this.#store = store;
    this.#counters = counters;
  }

  /** Appends a version, sending only segments that the store may lack. */
  async append(
    version: NewVersion,
    options: InTransaction<Tx>,
  ): Promise<Extract<AppendOutcome, { kind: 'appended' }>> {
    const known = this.#known.get(version.subject);
    const fresh = version.segments.filter(({ hash }) => !known?.has(hash));
    let outcome = await this.#appendOne({ ...version, segments: fresh }, options);
    if (outcome.kind === 'missing') outcome = await this.#appendOne(version, options);
    if (outcome.kind === 'conflict') throw this.#conflict(version, outcome.head);
    if (outcome.kind === 'missing') {
      const problems = outcome.hashes.map((hash) => ({
        part: 'segment' as const,
        reason: 'missing' as const,
        hash,
      }));
      throw damaged(version.subject, null, problems, null);
    }
    this.#remember(version.subject, version.refs);
    return outcome;
  }

  /** The state of a version. */
  async open(stored: StoredVersion, options: InTransaction<Tx>): Promise<Json> {
    const problems = recordProblems(stored);
    const segments =
      problems.length === 0
        ? await this.#store.read(stored.subject, stored.refs, options)
        : undefined;
    if (segments !== undefined) problems.push(...segmentProblems(stored.refs, segments));
    if (segments === undefined || problems.length > 0) {
      this.#counters.damaged += 1;
      const lastGood = await this.#lastGood(stored, options);
      throw damaged(stored.subject, stored.version, problems, lastGood);
    }
    const bodies = new Map(segments.map(({ hash, body }) => [hash, body]));
    const ordered = stored.refs.map((hash) => bodies.get(hash) ?? new Uint8Array());
    return joinState(stored.manifest, ordered) as Json;
  }

  /** Problems of each version, reading every segment once however many versions share it. */
  async inspect(
    versions: readonly StoredVersion[],
    verdicts: Map<string, CheckpointProblem | null>,
    options: InTransaction<Tx> = {},
  ): Promise<CheckpointProblem[][]> {
    const results: CheckpointProblem[][] = [];
    for (const version of versions) {
      const unseen = version.refs.filter((hash) => !verdicts.has(hash));
      if (unseen.length > 0) {
        const segments = await this.#store.read(version.subject, unseen, options);
        for (const hash of unseen) verdicts.set(hash, null);
        for (const problem of segmentProblems(unseen, segments)) {
          if (problem.hash !== undefined) verdicts.set(problem.hash, problem);
        }
      }
      const parts = version.refs.flatMap((hash) => verdicts.get(hash) ?? []);
      results.push([...recordProblems(version), ...parts]);
    }
    return results;
  }

  async #lastGood(stored: StoredVersion, options: InTransaction<Tx>): Promise<number | null> {
    const verdicts = new Map<string, CheckpointProblem | null>();
    let before = stored.version;
    for (;;) {
      const query = { subject: stored.subject, before, limit: SCAN_PAGE };
      const versions = await this.#store.list(query, options);
      for (const version of versions) {
        const [problems] = await this.inspect([version], verdicts, options);
        if (problems?.length === 0) return version.version;
      }
      const last = versions.at(-1);
      if (last === undefined || versions.length < SCAN_PAGE) return null;
      before = last.version;
    }
  }

  async #appendOne(version: NewVersion, options: InTransaction<Tx>): Promise<AppendOutcome> {
    const [outcome] = await this.#store.append([version], options);
    if (outcome === undefined) throw new TypeError('The store gave no outcome of an append');
    if (outcome.kind === 'appended') {
      this.#counters.segmentsWritten += version.segments.length;
      for (const { body } of version.segments) this.#counters.bytesWritten += body.length;
    }
    return outcome;
  }

  #conflict({ subject, expectedVersion }: NewVersion, actual: number): CheckpointError {
    this.#counters.conflicts += 1;
    return new CheckpointError(
      'CHECKPOINT_VERSION_CONFLICT',
      `"${subject}" is at version ${actual}, expected ${expectedVersion}`,
      { details: { subject, expected: expectedVersion, actual } },
    );
  }

  #remember(subject: string, refs: readonly string[]): void {
    this.#known.delete(subject);
    this.#known.set(subject, new Set(refs));
    if (this.#known.size <= REMEMBERED_SUBJECTS) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      return;
    }
  }
}

function damaged(
  subject: string,
  version: number | null,
  problems: readonly CheckpointProblem[],
  lastGood: number | null,
): CheckpointError {
  const what = version === null ? 'The version to write' : `Version ${version}`;
  const parts = problems.map(({ part, reason }) => `${part} ${reason}`);
  const advice =
    lastGood === null ? 'No earlier version is intact' : `Version ${lastGood} is intact`;
  return new CheckpointError(
    'CHECKPOINT_DAMAGED',
    `${what} of "${subject}" is damaged: ${[...new Set(parts)].join(', ')}. ${advice}`,
    { details: { subject, version, problems, lastGood } },
  );
}
