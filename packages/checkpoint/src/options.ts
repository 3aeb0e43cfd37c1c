import { z } from 'zod';
import { isPlainObject } from './canonical-json.js';
import type { CheckpointSelector, Json } from './checkpoint.js';
import type { Clock } from './clock.js';
import { MAX_VERSION } from './cursor.js';
import type { Duration } from './duration.js';
import { CheckpointError } from './errors.js';
import type { CheckpointStore, InTransaction } from './store.js';

/** Options of {@link createCheckpoints}. */
export interface CheckpointsOptions<Tx> {
  /** Where versions are kept: `memoryStore()`, or `postgresStore(db)` of `@holdfast/checkpoint/postgres`. */
  store: CheckpointStore<Tx>;
  /**
   * Largest state, in bytes of JSON.
   * @defaultValue 67108864 (64 MiB)
   */
  maxStateBytes?: number;
  /**
   * Used for the deadline of `close` only; times of versions are the store's.
   * @defaultValue the system's
   */
  clock?: Clock;
}

/** Options of {@link Checkpoints.save}. */
export interface SaveOptions<Tx> extends InTransaction<Tx> {
  /**
   * A name to find this version by; of several with the same label the newest is meant. At most 256 characters.
   * @defaultValue none
   */
  label?: string | undefined;
  /**
   * Words to list versions by. At most 32, of at most 128 characters each.
   * @defaultValue none
   */
  tags?: readonly string[] | undefined;
  /**
   * Who made the change. At most 256 characters.
   * @defaultValue none
   */
  author?: string | undefined;
  /**
   * Anything to keep beside the state. At most 64 KiB of JSON.
   * @defaultValue `{}`
   */
  metadata?: Readonly<Record<string, Json>> | undefined;
  /**
   * The version that this state was made from; 0 when there must be none yet. When the head is another one by now,
   * nothing is saved and the call fails with `CHECKPOINT_VERSION_CONFLICT`.
   * @defaultValue not checked
   */
  expectedVersion?: number | undefined;
}

/** Options of {@link Checkpoints.undo}. */
export interface UndoOptions<Tx> extends InTransaction<Tx> {
  /** Who does it. At most 256 characters. */
  by: string;
  /** Why. At most 4096 characters. */
  reason: string;
}

/** Options of {@link Checkpoints.rollback}. */
export interface RollbackOptions<Tx> extends UndoOptions<Tx> {
  /** The version to restore: its number, or a selector. */
  to: number | CheckpointSelector;
  /**
   * The head that the decision was made on; when it is another one by now, nothing is restored and the call fails
   * with `CHECKPOINT_VERSION_CONFLICT`.
   * @defaultValue not checked
   */
  expectedVersion?: number | undefined;
}

/** Options of {@link Checkpoints.list}. */
export interface ListOptions {
  subject: string;
  /** Only versions with this label. */
  label?: string | undefined;
  /** Only versions with this tag. */
  tag?: string | undefined;
  /** Only versions by this author. */
  author?: string | undefined;
  /** Only versions made at this time or later. */
  from?: Date | undefined;
  /** Only versions made before this time. */
  to?: Date | undefined;
  /**
   * Items a page, 1 to 500.
   * @defaultValue 50
   */
  limit?: number | undefined;
  /** `nextCursor` of the page before. */
  cursor?: string | undefined;
}

/** Options of {@link Checkpoints.subjects}. */
export interface SubjectsOptions {
  /** Only subjects of this kind, the part before the first colon. */
  kind?: string | undefined;
  /**
   * Items a page, 1 to 500.
   * @defaultValue 50
   */
  limit?: number | undefined;
  /** `nextCursor` of the page before. */
  cursor?: string | undefined;
}

/** Options of {@link Checkpoints.verify}. */
export interface VerifyOptions {
  /**
   * Look at this version only.
   * @defaultValue every version of the subject
   */
  version?: number | undefined;
}

/** Options of {@link Checkpoints.close}. */
export interface CloseOptions {
  /**
   * Longest wait for running calls.
   * @defaultValue `'10s'`
   */
  deadline?: Duration;
}

// Control characters break logs and headers; a lone surrogate has no UTF-8 form and would come back altered.
const line = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'must have no control characters or lone surrogates');

// U+0000 is what Postgres text cannot hold.
const prose = z
  .string()
  .min(1)
  .max(4096)
  .regex(/^[^\0\p{Cs}]*$/u, 'must have no U+0000 or lone surrogates');
const versionNumber = z.int().min(1).max(MAX_VERSION);

/** A subject's name. */
export const subjectRule: z.ZodType<string> = line(512);

/** A {@link CheckpointSelector}. */
export const selectorRule: z.ZodType<CheckpointSelector> = z.union([
  z.strictObject({ version: versionNumber }),
  z.strictObject({ label: line(256) }),
  z.strictObject({ at: z.date() }),
]);

const tx = z.unknown().optional();
const page = {
  limit: z.int().min(1).max(500).default(50),
  cursor: z.string().max(2048).optional(),
};

type WithLimit<T> = T & { limit: number };

/** Rules of the options of each method. */
export const rules: {
  readonly create: z.ZodType<{ maxStateBytes: number }>;
  readonly save: z.ZodType<SaveOptions<unknown>>;
  readonly undo: z.ZodType<UndoOptions<unknown>>;
  readonly rollback: z.ZodType<RollbackOptions<unknown>>;
  readonly list: z.ZodType<WithLimit<ListOptions>>;
  readonly subjects: z.ZodType<WithLimit<SubjectsOptions>>;
  readonly verify: z.ZodType<VerifyOptions>;
} = {
  save: z.strictObject({
    label: line(256).optional(),
    tags: z.array(line(128)).max(32).optional(),
    author: line(256).optional(),
    metadata: z.custom<Record<string, Json>>(isPlainObject, 'must be an object').optional(),
    expectedVersion: z.int().min(0).optional(),
    tx,
  }),
  undo: z.strictObject({ by: line(256), reason: prose, tx }),
  rollback: z.strictObject({
    to: z.union([versionNumber, selectorRule]),
    by: line(256),
    reason: prose,
    expectedVersion: z.int().min(0).optional(),
    tx,
  }),
  list: z.strictObject({
    subject: subjectRule,
    label: line(256).optional(),
    tag: line(128).optional(),
    author: line(256).optional(),
    from: z.date().optional(),
    to: z.date().optional(),
    ...page,
  }),
  subjects: z.strictObject({ kind: line(512).optional(), ...page }),
  verify: z.strictObject({ version: versionNumber.optional() }),
  create: z.strictObject({
    store: z.custom<object>((store) => typeof store === 'object' && store !== null, {
      error: 'must be a store',
    }),
    maxStateBytes: z
      .int()
      .min(1)
      .max(1_073_741_824)
      .default(64 * 1024 * 1024),
    clock: z.custom<Clock>().optional(),
  }),
};

/** A value as an error message shows it, shortened. */
function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 60));
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'array' : 'object';
  return `${String(value)} (${typeof value})`;
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (parent, key) =>
      typeof parent === 'object' && parent !== null ? Reflect.get(parent, key) : undefined,
    value,
  );
}

/**
 * Checks what a caller gave.
 * @throws CheckpointError `CHECKPOINT_OPTION_INVALID` that names the option, the rule and what was received
 */
export function check<T>(rule: z.ZodType<T>, value: unknown, name: string): T {
  const result = rule.safeParse(value);
  if (result.success) return result.data;
  const errors = result.error.issues.map((issue) => ({
    path: [name, ...issue.path].map(String).join('.'),
    rule: issue.message,
    received: shown(at(value, issue.path)),
  }));
  const [first] = errors;
  throw new CheckpointError(
    'CHECKPOINT_OPTION_INVALID',
    `Option \`${first?.path}\`: ${first?.rule}; received ${first?.received}`,
    { details: { errors } },
  );
}
