import { z } from 'zod';
import type {
  Checkpoint,
  CheckpointInfo,
  CheckpointProblem,
  Json,
  Page,
  SubjectInfo,
  VerifyReport,
} from './checkpoint.js';

/*
 * The JSON of the management surface: snake_case, times in ISO 8601 UTC with milliseconds. What the user put into a
 * state or into metadata keeps its names.
 */

const subject = z.string().min(1).max(512).meta({
  description: 'What the versions are states of; its kind is the part before the first colon',
  example: 'templates',
});
const version = z
  .int()
  .min(1)
  .meta({ description: 'Number of a version, from 1 without gaps', example: 3 });
const time = z.iso.datetime().meta({ example: '2026-11-21T12:00:00.000Z' });
const by = z.string().min(1).max(256).meta({ description: 'Who does it', example: 'ann' });
const reason = z.string().min(1).max(4096).meta({
  description: 'Why it is done; kept in the history',
  example: 'The new greeting was too informal',
});
const paging = {
  limit: z.coerce.number().int().min(1).max(500).default(50).meta({ description: 'Items a page' }),
  cursor: z.string().max(2048).optional().meta({ description: '`next_cursor` of the page before' }),
};
const nextCursor = z
  .string()
  .nullable()
  .meta({ description: 'Gives the next page; null at the end' });

/** JSON of a {@link CheckpointInfo}. */
export interface CheckpointInfoJson {
  /** UUIDv7. */
  id: string;
  subject: string;
  version: number;
  /** `id` of the version before it. */
  parent: string | null;
  label: string | null;
  tags: string[];
  author: string | null;
  metadata: Record<string, Json>;
  created_at: string;
  /** Bytes of the state as JSON. */
  size: number;
  /** Equal for versions of a subject with the same state. */
  content_hash: string;
  origin: { kind: 'save' } | { kind: 'rollback'; from: number; to: number; reason: string };
}

/** JSON of a {@link Checkpoint}. */
export interface CheckpointJson extends CheckpointInfoJson {
  state: Json;
}

/** JSON of a {@link SubjectInfo}. */
export interface SubjectInfoJson {
  subject: string;
  /** The newest. */
  version: number;
  updated_at: string;
}

/** JSON of a {@link VerifyReport}. */
export interface VerifyReportJson {
  subject: string;
  /** Versions looked at. */
  checked: number;
  damaged: { version: number; problems: CheckpointProblem[] }[];
  /** Newest intact version looked at. */
  last_good: number | null;
}

/** JSON of a {@link Page}. */
export interface PageJson<Item> {
  items: Item[];
  /** Gives the next page; null at the end. */
  next_cursor: string | null;
}

/** What each method of {@link CheckpointAdmin} takes, once it has been checked. */
export interface CheckpointInputs {
  subjects: { kind?: string | undefined; limit: number; cursor?: string | undefined };
  list: {
    subject: string;
    label?: string | undefined;
    tag?: string | undefined;
    author?: string | undefined;
    from?: string | undefined;
    to?: string | undefined;
    limit: number;
    cursor?: string | undefined;
  };
  get: { subject: string; version?: number | undefined };
  verify: { subject: string; version?: number | undefined };
  rollback: {
    subject: string;
    to: number;
    by: string;
    reason: string;
    expected_version?: number | undefined;
  };
  undo: { subject: string; by: string; reason: string };
}

/** What each method of {@link CheckpointAdmin} gives. */
export interface CheckpointOutputs {
  subjects: PageJson<SubjectInfoJson>;
  list: PageJson<CheckpointInfoJson>;
  get: CheckpointJson;
  verify: VerifyReportJson;
  rollback: CheckpointInfoJson;
  undo: CheckpointInfoJson;
}

const infoShape = z.object({
  id: z.uuid().meta({ description: 'UUIDv7' }),
  subject,
  version,
  parent: z.uuid().nullable().meta({ description: 'id of the version before it' }),
  label: z.string().nullable().meta({ example: 'release 1' }),
  tags: z.array(z.string()).meta({ example: ['nightly'] }),
  author: z.string().nullable().meta({ example: 'ann' }),
  metadata: z.record(z.string(), z.json()),
  created_at: time,
  size: z.int().meta({ description: 'Bytes of the state as JSON', example: 5120 }),
  content_hash: z
    .string()
    .meta({ description: 'Equal for versions of a subject with the same state' }),
  origin: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('save') }),
    z.object({ kind: z.literal('rollback'), from: version, to: version, reason }),
  ]),
});

const subjectInfo = z.object({ subject, version, updated_at: time });

const verifyReport = z.object({
  subject,
  checked: z.int().meta({ description: 'Versions looked at' }),
  damaged: z.array(
    z.object({
      version,
      problems: z.array(
        z.object({
          part: z.enum(['record', 'manifest', 'segment']),
          reason: z.enum(['missing', 'altered']),
          hash: z.string().exactOptional(),
        }),
      ),
    }),
  ),
  last_good: version.nullable().meta({ description: 'Newest intact version looked at' }),
});

const someVersion = z.coerce.number().int().min(1).optional();

/** Checks what a method of {@link CheckpointAdmin} takes. Numbers may come as text, as in a query string. */
export const checkpointInputs: {
  readonly [Method in keyof CheckpointInputs]: z.ZodType<CheckpointInputs[Method]>;
} = {
  subjects: z.strictObject({
    kind: z.string().min(1).max(512).optional().meta({ description: 'Only subjects of this kind' }),
    ...paging,
  }),
  list: z.strictObject({
    subject,
    label: z.string().min(1).max(256).optional(),
    tag: z.string().min(1).max(128).optional(),
    author: z.string().min(1).max(256).optional(),
    from: time.optional().meta({ description: 'Made at this time or later' }),
    to: time.optional().meta({ description: 'Made before this time' }),
    ...paging,
  }),
  get: z.strictObject({
    subject,
    version: someVersion.meta({ description: 'The newest when absent' }),
  }),
  verify: z.strictObject({
    subject,
    version: someVersion.meta({ description: 'All when absent' }),
  }),
  rollback: z.strictObject({
    subject,
    to: version,
    by,
    reason,
    expected_version: version
      .optional()
      .meta({ description: 'Refuse when the newest version is another one by now' }),
  }),
  undo: z.strictObject({ subject, by, reason }),
};

/** Describes what a method of {@link CheckpointAdmin} gives. */
export const checkpointOutputs: {
  readonly [Method in keyof CheckpointOutputs]: z.ZodType<CheckpointOutputs[Method]>;
} = {
  subjects: z.object({ items: z.array(subjectInfo), next_cursor: nextCursor }),
  list: z.object({ items: z.array(infoShape), next_cursor: nextCursor }),
  get: infoShape.extend({ state: z.json() }),
  verify: verifyReport,
  rollback: infoShape,
  undo: infoShape,
};

/** A {@link CheckpointInfo} as JSON. */
export function checkpointInfoJson(info: CheckpointInfo): CheckpointInfoJson {
  const { id, subject: name, version: number, parent, label, author, size, origin } = info;
  return {
    ...{ id, subject: name, version: number, parent, label, tags: [...info.tags], author },
    metadata: info.metadata as Record<string, Json>,
    created_at: info.createdAt.toISOString(),
    size,
    content_hash: info.contentHash,
    origin: { ...origin },
  };
}

/** A {@link Checkpoint} as JSON. */
export function checkpointJson(checkpoint: Checkpoint): CheckpointJson {
  return { ...checkpointInfoJson(checkpoint), state: checkpoint.state };
}

/** A {@link SubjectInfo} as JSON. */
export function subjectInfoJson(info: SubjectInfo): SubjectInfoJson {
  return {
    subject: info.subject,
    version: info.version,
    updated_at: info.updatedAt.toISOString(),
  };
}

/** A {@link Page} as JSON. */
export function pageJson<From, To>(
  { items, nextCursor: next }: Page<From>,
  map: (item: From) => To,
): PageJson<To> {
  return { items: items.map(map), next_cursor: next };
}

/** A {@link VerifyReport} as JSON. */
export function verifyReportJson(report: VerifyReport): VerifyReportJson {
  return {
    subject: report.subject,
    checked: report.checked,
    damaged: report.damaged.map(({ version: number, problems }) => ({
      version: number,
      problems: problems.map((problem) => ({ ...problem })),
    })),
    last_good: report.lastGood,
  };
}
