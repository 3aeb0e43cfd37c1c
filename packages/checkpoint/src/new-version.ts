import { canonicalJson } from './canonical-json.js';
import type { Json } from './checkpoint.js';
import { CheckpointError } from './errors.js';
import { contentHashOf } from './integrity.js';
import type { SaveOptions } from './options.js';
import type { SplitState } from './segments.js';
import type { NewVersion, StoredVersion } from './store.js';
import { uuidv7 } from './uuid.js';

const MAX_METADATA_BYTES = 65_536;

/** A version before its checksum is known. */
export type UnsealedVersion = Omit<NewVersion, 'checksum'>;

/** The version that a save makes. */
export function savedVersion(
  subject: string,
  { manifest, segments, size }: SplitState,
  options: SaveOptions<unknown>,
): UnsealedVersion {
  const refs = segments.map(({ hash }) => hash);
  return {
    id: uuidv7(),
    subject,
    label: options.label ?? null,
    tags: [...new Set(options.tags)],
    author: options.author ?? null,
    metadata: metadataOf(options.metadata),
    size,
    contentHash: contentHashOf(manifest, refs),
    origin: { kind: 'save' },
    manifest,
    refs,
    segments,
    expectedVersion: options.expectedVersion ?? null,
  };
}

/** The version that records a rollback: it refers to the parts of the one restored, so it costs next to nothing. */
export function rolledBackVersion(
  target: StoredVersion,
  by: string,
  reason: string,
  expectedVersion: number | null,
): UnsealedVersion {
  const { subject, version, size, contentHash, manifest, refs } = target;
  return {
    id: uuidv7(),
    subject,
    label: null,
    tags: [],
    author: by,
    metadata: {},
    size,
    contentHash,
    origin: { kind: 'rollback', to: version, reason },
    manifest,
    refs,
    segments: [],
    expectedVersion,
  };
}

function metadataOf(given: Readonly<Record<string, unknown>> | undefined): Record<string, Json> {
  const invalid = (problem: string) =>
    new CheckpointError('CHECKPOINT_OPTION_INVALID', `Option \`options.metadata\`: ${problem}`);
  let text: string;
  try {
    text = canonicalJson(given ?? {});
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : String(error));
  }
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_METADATA_BYTES) {
    throw invalid(`must be at most ${MAX_METADATA_BYTES} bytes of JSON; received ${bytes}`);
  }
  return JSON.parse(text) as Record<string, Json>;
}
