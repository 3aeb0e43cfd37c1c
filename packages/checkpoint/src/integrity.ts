import { canonicalJson } from './canonical-json.js';
import type { CheckpointProblem } from './checkpoint.js';
import { sha256 } from './segments.js';
import type { NewVersion, Segment, StoredVersion } from './store.js';

type Facts = Pick<
  NewVersion,
  'id' | 'subject' | 'author' | 'metadata' | 'size' | 'contentHash' | 'origin'
>;

/** Hash over all parts of a state, in a form that equal states have in common. */
export function contentHashOf(manifest: string, refs: readonly string[]): string {
  return sha256(`${manifest}\n${refs.join('')}`);
}

/** Hash over the facts of a version that never change. */
export function checksumOf(facts: Facts): string {
  const { id, subject, author, metadata, size, contentHash, origin } = facts;
  return sha256(canonicalJson([id, subject, author, metadata, size, contentHash, origin]));
}

/** What is wrong with the row of a version, its segments aside. */
export function recordProblems(version: StoredVersion): CheckpointProblem[] {
  const problems: CheckpointProblem[] = [];
  if (checksumOf(version) !== version.checksum) {
    problems.push({ part: 'record', reason: 'altered' });
  }
  if (contentHashOf(version.manifest, version.refs) !== version.contentHash) {
    problems.push({ part: 'manifest', reason: 'altered' });
  }
  return problems;
}

/** What is wrong with the segments read for `refs`. */
export function segmentProblems(
  refs: readonly string[],
  segments: readonly Segment[],
): CheckpointProblem[] {
  const bodies = new Map(segments.map(({ hash, body }) => [hash, body]));
  return refs.flatMap((hash): CheckpointProblem[] => {
    const body = bodies.get(hash);
    if (body === undefined) return [{ part: 'segment', reason: 'missing', hash }];
    return sha256(body) === hash ? [] : [{ part: 'segment', reason: 'altered', hash }];
  });
}
