/*
 * Terminology
 *   subject     what a checkpoint is a state of: `templates`, `session:42`. Its kind is the part before the first colon.
 *   version     1, 2, 3 … of one subject, without gaps. The newest one is the head.
 *   checkpoint  one version of a subject: its state and the facts about it. It never changes.
 *   segment     a stored part of a state, named by its SHA-256; versions share the segments they have in common.
 *   manifest    how the segments of one version make up its state again.
 */

/** Anything JSON can hold. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** How a version came to be. */
export type CheckpointOrigin =
  | {
      /** The owner saved a state. */
      readonly kind: 'save';
    }
  | {
      /** The state of an earlier version was restored. */
      readonly kind: 'rollback';
      /** The head when the rollback was made: rolling back to it undoes the rollback. */
      readonly from: number;
      /** The version whose state was restored. */
      readonly to: number;
      /** Why, in the words of whoever did it. */
      readonly reason: string;
    };

/** The facts about one version of a subject, without its state. */
export interface CheckpointInfo {
  /** UUIDv7. */
  readonly id: string;
  readonly subject: string;
  /** 1 for the first version of the subject, then one more each time. */
  readonly version: number;
  /** `id` of the version before it; `null` for the first. */
  readonly parent: string | null;
  readonly label: string | null;
  readonly tags: readonly string[];
  /** Who saved it, or who rolled back. */
  readonly author: string | null;
  /** What the caller wanted to keep beside the state. */
  readonly metadata: Readonly<Record<string, Json>>;
  /** By the store's clock, in whole milliseconds; never earlier than the version before it. */
  readonly createdAt: Date;
  /** Bytes of the state as canonical JSON. */
  readonly size: number;
  /** Hex SHA-256 over the parts of the state. Two versions of a subject with the same hash have the same state. */
  readonly contentHash: string;
  readonly origin: CheckpointOrigin;
}

/** One version of a subject with its state. */
export interface Checkpoint<State = Json> extends CheckpointInfo {
  readonly state: State;
}

/**
 * Which version is meant: its number, the newest one with a label, or the newest one that existed at a time.
 */
export type CheckpointSelector =
  | { readonly version: number }
  | { readonly label: string }
  | { readonly at: Date };

/** One thing wrong with a stored version. */
export interface CheckpointProblem {
  /** `record`: the facts about the version; `manifest`: how its state is put together; `segment`: a part of its state. */
  readonly part: 'record' | 'manifest' | 'segment';
  readonly reason: 'missing' | 'altered';
  /** SHA-256 of the segment as it should be, hex. */
  readonly hash?: string;
}

/** What {@link Checkpoints.verify} found. */
export interface VerifyReport {
  readonly subject: string;
  /** Versions looked at. */
  readonly checked: number;
  /** The damaged ones, newest first. */
  readonly damaged: readonly {
    readonly version: number;
    readonly problems: readonly CheckpointProblem[];
  }[];
  /** The newest intact version among those looked at; `null` when there is none. */
  readonly lastGood: number | null;
}

/** One subject and its head. */
export interface SubjectInfo {
  readonly subject: string;
  /** Newest version. */
  readonly version: number;
  /** When the newest version was made. */
  readonly updatedAt: Date;
}

/** One page of a list. */
export interface Page<Item> {
  readonly items: readonly Item[];
  /** Gives the next page; `null` at the end. */
  readonly nextCursor: string | null;
}
