import type { CheckpointInfo, CheckpointSelector, Json, SubjectInfo } from './checkpoint.js';

/** How a version came to be, as stored: what a rollback started from is always the version before it. */
export type StoredOrigin =
  | { readonly kind: 'save' }
  | { readonly kind: 'rollback'; readonly to: number; readonly reason: string };

/** A part of a state. The store neither knows nor cares how states are divided. */
export interface Segment {
  /** Hex SHA-256 of `body`. */
  readonly hash: string;
  readonly body: Uint8Array;
}

/** A version to append. The store gives it its number, parent and time. */
export interface NewVersion {
  readonly id: string;
  readonly subject: string;
  readonly label: string | null;
  readonly tags: readonly string[];
  readonly author: string | null;
  readonly metadata: Readonly<Record<string, Json>>;
  readonly size: number;
  readonly contentHash: string;
  /** Hex SHA-256 over the facts that never change. */
  readonly checksum: string;
  readonly origin: StoredOrigin;
  /** How `refs` make up the state again. Opaque to the store. */
  readonly manifest: string;
  /** Hashes of the segments the state is made of, each once. */
  readonly refs: readonly string[];
  /** Those of them that the store may not have yet. */
  readonly segments: readonly Segment[];
  /** The head must have this number (0: there is no version yet); `null`: whatever it is. */
  readonly expectedVersion: number | null;
}

/** What became of a {@link NewVersion}. */
export type AppendOutcome =
  | {
      readonly kind: 'appended';
      readonly version: number;
      readonly parent: string | null;
      readonly createdAt: Date;
    }
  | {
      /** The head was another one than expected. Nothing was written. */
      readonly kind: 'conflict';
      readonly head: number;
    }
  | {
      /** The store lacks these segments. No version was written; append again with them. */
      readonly kind: 'missing';
      readonly hashes: readonly string[];
    };

/** A version as stored. */
export interface StoredVersion extends Omit<CheckpointInfo, 'origin'> {
  readonly origin: StoredOrigin;
  readonly checksum: string;
  readonly manifest: string;
  readonly refs: readonly string[];
}

/** Which versions of a subject, newest first. */
export interface VersionQuery {
  readonly subject: string;
  /** Only versions with a smaller number. */
  readonly before?: number;
  readonly label?: string;
  /** Only versions with this tag. */
  readonly tag?: string;
  readonly author?: string;
  /** Made at this time or later. */
  readonly from?: Date;
  /** Made before this time. */
  readonly to?: Date;
  readonly limit: number;
}

/** Which subjects, by name (order of its UTF-8 bytes). */
export interface SubjectQuery {
  /** The part before the first colon. */
  readonly kind?: string;
  /** Only subjects that come after this one. */
  readonly after?: string;
  readonly limit: number;
}

/** Makes an operation part of a transaction. */
export interface InTransaction<Tx> {
  readonly tx?: Tx | undefined;
}

/**
 * Where versions are kept. `Tx` is the transaction that its owner's other writes can be part of.
 *
 * Every store passes `checkpointStoreConformance` of `@holdfast/checkpoint/testing`. Times are the store's own.
 */
export interface CheckpointStore<Tx = unknown> {
  /** `memory`, `postgres`, … */
  readonly name: string;
  /**
   * Appends versions in the order given, each with its own outcome, all in one transaction. Numbers of a subject have
   * no gaps, whoever appends at the same time. A segment that is already there is not stored again.
   */
  append(
    versions: readonly NewVersion[],
    options?: InTransaction<Tx>,
  ): Promise<readonly AppendOutcome[]>;
  /** The version meant, or the head without a selector; `null` when there is none. */
  find(
    subject: string,
    selector: CheckpointSelector | undefined,
    options?: InTransaction<Tx>,
  ): Promise<StoredVersion | null>;
  /** Versions of a subject, newest first. */
  list(query: VersionQuery, options?: InTransaction<Tx>): Promise<readonly StoredVersion[]>;
  /** Segments of a subject by their hashes; those it lacks are left out. The caller verifies them. */
  read(
    subject: string,
    hashes: readonly string[],
    options?: InTransaction<Tx>,
  ): Promise<readonly Segment[]>;
  subjects(query: SubjectQuery): Promise<readonly SubjectInfo[]>;
  /**
   * Runs `work` so that everything it does with its `tx` happens, or nothing when it throws. Within a transaction
   * given by the caller, only what `work` did is undone. A version appended in it keeps other appends to that subject
   * waiting until it ends.
   */
  transaction<T>(work: (tx: Tx) => Promise<T>, options?: InTransaction<Tx>): Promise<T>;
  health(): Promise<{
    status: 'healthy' | 'degraded' | 'unhealthy';
    details: Record<string, unknown>;
  }>;
}
