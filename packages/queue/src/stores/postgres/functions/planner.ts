/**
 * Settings of the functions that are called from outside. An empty queue teaches the planner that a sequential scan is
 * best, and a cached plan would keep doing so after a bulk enqueue: these leave it only the indexes.
 */
export const PLANNER = `set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off
  set enable_mergejoin = off set jit = off set plan_cache_mode = force_generic_plan`;

/** When a task is due, from a wait in milliseconds or a time. */
export const dueOf = (wait: string, absolute: string): string =>
  `case when ${absolute} then to_timestamp(${wait} / 1000.0) else v_now + ${wait} * interval '1 millisecond' end`;
