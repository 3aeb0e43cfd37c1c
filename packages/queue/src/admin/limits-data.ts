import type { Change } from '../admin-data.js';

/** At most `max` starts in any span of `windowMs` milliseconds. */
export interface RateData {
  max: number;
  windowMs: number;
}

/** Limits of a group; null or absent is none. */
export interface GroupLimitsData {
  /** Most tasks that are ready or run at once. */
  concurrency?: number | null | undefined;
  rate?: RateData | null | undefined;
  /** Its part of the queue, 0.001 to 1000, where a task says none. */
  weight?: number | null | undefined;
}

/** Priorities that a queue takes: from `min`, −32768 to 0, to `max`, 0 to 32767. */
export interface PrioritiesData {
  min: number;
  max: number;
}

/** Input of `setLimits`: what is absent stays, null takes a limit away. */
export interface LimitsInput extends Change {
  /** Most tasks that run at once, in all processes. */
  concurrency?: number | null | undefined;
  /** In all processes together. */
  rate?: RateData | null | undefined;
  /**
   * Which priorities tasks may be enqueued with, or get later.
   * @defaultValue all
   */
  priorities?: PrioritiesData | null | undefined;
  /** For each group that has no limits of its own. */
  groupDefaults?: GroupLimitsData | null | undefined;
  /** By key, in place of the defaults; at most 1000 at once. */
  groups?: Record<string, GroupLimitsData | null> | undefined;
}

/** The limits of a queue, as plain data. */
export interface LimitsInfo {
  concurrency: number | null;
  rate: RateData | null;
  priorities: PrioritiesData | null;
  groupDefaults: GroupLimitsData | null;
  groups: Record<string, GroupLimitsData>;
}
