import type { ExchangeRequest, NewTask, Settlement, When } from '../../store.js';

const waitOf = (when: When): number => ('atMs' in when ? when.atMs : when.delayMs);

/** The parameters of `queue_enqueue_v1`: one array a column. */
export function enqueueArrays(tasks: readonly NewTask[]): unknown[] {
  return [
    tasks.map((task) => task.id),
    tasks.map((task) => task.queue),
    tasks.map((task) => task.name),
    tasks.map((task) => task.payload),
    tasks.map((task) => JSON.stringify(task.headers)),
    tasks.map((task) => task.priority),
    tasks.map((task) => waitOf(task.when)),
    tasks.map((task) => 'atMs' in task.when),
    tasks.map((task) => task.maxAttempts),
    tasks.map((task) => Math.round(task.keepCompletedMs)),
    tasks.map((task) => Math.round(task.keepDeadMs)),
    tasks.map((task) => task.key?.value ?? null),
    tasks.map((task) => task.key?.ttlMs ?? null),
  ];
}

/** The parameters of `queue_exchange_v1`. */
export function exchangeArrays(request: ExchangeRequest, settle: readonly Settlement[]): unknown[] {
  const { worker, leaseMs, extend, claim } = request;
  const whens = settle.map((settlement) => ('when' in settlement ? settlement.when : undefined));
  return [
    worker,
    leaseMs,
    settle.map((settlement) => settlement.id),
    settle.map((settlement) => settlement.epoch),
    settle.map((settlement) => settlement.outcome),
    whens.map((when) => (when === undefined ? null : waitOf(when))),
    whens.map((when) => when !== undefined && 'atMs' in when),
    settle.map((settlement) => ('result' in settlement ? settlement.result : null)),
    settle.map((settlement) => ('entry' in settlement ? JSON.stringify(settlement.entry) : null)),
    extend.map((lease) => lease.id),
    extend.map((lease) => lease.epoch),
    claim.queues,
    claim.limit,
  ];
}

/** A list in which only the first of equal things is kept, and where each of the originals went. */
export interface Distinct<T> {
  readonly items: readonly T[];
  /** For each original, its index in `items`, or undefined when it was an earlier one's double. */
  readonly places: readonly (number | undefined)[];
}

/** A statement can change a row only once, so doubles are set aside before. */
export function distinct<T>(all: readonly T[], key: (item: T) => string | undefined): Distinct<T> {
  const seen = new Set<string>();
  const items: T[] = [];
  const places = all.map((item) => {
    const name = key(item);
    if (name !== undefined) {
      if (seen.has(name)) return undefined;
      seen.add(name);
    }
    return items.push(item) - 1;
  });
  return { items, places };
}
