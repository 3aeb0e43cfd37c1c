/**
 * What the tasks of the random runs are, by name. A task of `CAPPED` or `GROUP_RATED` is of the group that has its
 * name; one with a key has its name for a key.
 */
export const CAP = 3;
export const GROUP_RATE = { max: 8, windowMs: 500 } as const;
export const QUEUE_RATE = { max: 15, windowMs: 700 } as const;
export const QUEUE_CONCURRENCY = 12;
/** How long the key of a task of {@link WINDOWED} is held at least. */
export const WINDOW_MS = 500;
/** Of the heavier ones of two groups of {@link WEIGHTED}; that of the others is 1. */
export const WEIGHT = 3;

/** The queue with groups and a cap, the one with a rate, and the one that tasks are moved to. */
export const MAIN = 'q';
export const RATED = 'r';
export const SIDE = 's';
export const QUEUES: readonly string[] = [MAIN, RATED, SIDE];

export const CAPPED: readonly string[] = ['capped-0', 'capped-1'];
export const KEYED: readonly string[] = ['key-0', 'key-1', 'key-2'];
/** Keys that are held for a time, whatever becomes of their tasks. */
export const WINDOWED: readonly string[] = ['window-0', 'window-1'];
/** Keys that are held until their tasks start. */
export const WAITING: readonly string[] = ['waiting-0', 'waiting-1'];
/** The key whose tasks gather the payloads of all that come while one waits. */
export const GATHER = 'gather';
export const GROUP_RATED = 'rated-0';
export const FREE = 'free';
/** Tasks of {@link RATED}. */
export const OF_RATED = 'slow';
export const BATCHED = 'batched';
/** Tasks of two groups, of which one has a larger weight. */
export const WEIGHTED = 'weighted';
/** What a flow begins with, and its parents: one that fails with a child, and one that does not mind. */
export const CHILD = 'child';
export const PARENT = 'parent';
export const CALM_PARENT = 'calm-parent';
/** What schedules enqueue. */
export const TICK = 'tick';
/** Tasks of strict groups: of one that goes on after a dead letter, and of one that it holds. */
export const STRICT = 'strict';
export const HELD = 'held';

/** Of each process a group of {@link STRICT} and one of {@link HELD}, which nobody else adds to. */
export const groupOf = (name: string, process: number): string => `${name}-${process}`;
