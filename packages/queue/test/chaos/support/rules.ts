/** What the tasks of the random runs are, by name. A task is of the group that has its name, unless it is `free`. */
export const CAP = 3;
export const GROUP_RATE = { max: 8, windowMs: 500 } as const;
export const QUEUE_RATE = { max: 15, windowMs: 700 } as const;
export const QUEUE_CONCURRENCY = 12;

/** The queue with groups and a cap, and the one with a rate. */
export const MAIN = 'q';
export const RATED = 'r';

export const CAPPED: readonly string[] = ['capped-0', 'capped-1'];
export const KEYED: readonly string[] = ['key-0', 'key-1', 'key-2'];
export const GROUP_RATED = 'rated-0';
export const FREE = 'free';
/** Tasks of {@link RATED}. */
export const OF_RATED = 'slow';
/** Of each process one strict group, which nobody else adds to: its order is known. */
export const strictOf = (process: number): string => `strict-${process}`;
