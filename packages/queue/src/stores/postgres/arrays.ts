import type { ExchangeRequest, NewTask, Settlement, When } from '../../store.js';

const waitOf = (when: When): number => ('atMs' in when ? when.atMs : when.delayMs);

/** The parameters of `queue_add_v1`, or undefined for tasks that it is not for. */
export function addValues(tasks: readonly NewTask[]): unknown[] | undefined {
  const [first] = tasks;
  if (first === undefined || !tasks.every((task) => isAlike(task, first))) return undefined;
  return [
    first.queue,
    first.name,
    headersOf(first),
    first.priority,
    waitOf(first.when),
    'atMs' in first.when,
    first.maxAttempts,
    Math.round(first.keepCompletedMs),
    Math.round(first.keepDeadMs),
    textArray(tasks.map((task) => task.id)),
    textArray(tasks.map((task) => task.payload)),
  ];
}

function isAlike(task: NewTask, first: NewTask): boolean {
  if (task.key !== undefined) return false;
  return (
    task === first ||
    (task.queue === first.queue &&
      task.name === first.name &&
      task.priority === first.priority &&
      task.maxAttempts === first.maxAttempts &&
      task.keepCompletedMs === first.keepCompletedMs &&
      task.keepDeadMs === first.keepDeadMs &&
      isSameWhen(task.when, first.when) &&
      (task.headers === first.headers || headersOf(task) === headersOf(first)))
  );
}

function isSameWhen(a: When, b: When): boolean {
  return a === b || ('atMs' in a === 'atMs' in b && waitOf(a) === waitOf(b));
}

/** As they are kept: null for none. */
function headersOf({ headers }: NewTask): string | null {
  for (const _ in headers) return JSON.stringify(headers);
  return null;
}

/** The literal of an array of texts: quicker than one element after the other. */
export function textArray(texts: readonly string[]): string {
  if (texts.length === 0) return '{}';
  const whole = escaped(texts.join(SEPARATOR));
  const inner = whole.replaceAll(SEPARATOR, '","');
  if (inner.length === whole.length + 2 * (texts.length - 1)) return `{"${inner}"}`;
  // A text with a NUL, which the database refuses.
  return `{"${texts.map(escaped).join('","')}"}`;
}

const SEPARATOR = '\u0000';

function escaped(text: string): string {
  return text.replace(/["\\]/g, '\\$&');
}

/** The parameters of `queue_enqueue_v1`: one array a column, of one element where all tasks have the same. */
export function enqueueArrays(tasks: readonly NewTask[]): unknown[] {
  const keyed = tasks.some((task) => task.key !== undefined);
  return [
    tasks.map((task) => task.id),
    column(tasks, (task) => task.queue),
    column(tasks, (task) => task.name),
    tasks.map((task) => task.payload),
    headersColumn(tasks),
    column(tasks, (task) => task.priority),
    column(tasks, (task) => waitOf(task.when)),
    column(tasks, (task) => 'atMs' in task.when),
    column(tasks, (task) => task.maxAttempts),
    column(tasks, (task) => Math.round(task.keepCompletedMs)),
    column(tasks, (task) => Math.round(task.keepDeadMs)),
    keyed ? tasks.map((task) => task.key?.value ?? null) : [],
    keyed ? tasks.map((task) => task.key?.ttlMs ?? null) : [],
  ];
}

/** Whether a task needs more than a row: see `special` in the tables. */
export function isSpecial({ key, group, waitFor }: NewTask): boolean {
  if (group !== undefined || waitFor !== undefined) return true;
  if (key === undefined) return false;
  const { mode = 'ignore', freeOnFailure = false, freeOnStart = false } = key;
  return mode !== 'ignore' || freeOnFailure || freeOnStart;
}

/** The parameters of `queue_enqueue_special_v1` after those of `queue_enqueue_v1`. */
export function specialArrays(tasks: readonly NewTask[]): unknown[] {
  return [
    tasks.map(({ key }) => key?.mode ?? null),
    tasks.map(({ key }) => key?.maxMergedChars ?? null),
    tasks.map(({ key }) => key?.freeOnFailure ?? false),
    tasks.map(({ key }) => key?.freeOnStart ?? false),
    tasks.map(({ group }) => group?.key ?? null),
    tasks.map(({ group }) => group?.weight ?? null),
    tasks.map(({ group }) => group?.strict ?? null),
    tasks.map(({ waitFor }) => (waitFor === undefined ? null : `{${waitFor.ids.join(',')}}`)),
    tasks.map(({ waitFor }) => waitFor?.onFailure ?? null),
  ];
}

function column<T>(tasks: readonly NewTask[], of: (task: NewTask) => T): T[] {
  const values = tasks.map(of);
  const [first] = values;
  return values.every((value) => value === first) ? values.slice(0, 1) : values;
}

/** Tasks enqueued together mostly share one object of headers. */
function headersColumn(tasks: readonly NewTask[]): string[] {
  const first = tasks[0]?.headers;
  const one = tasks.every((task) => task.headers === first);
  return (one ? tasks.slice(0, 1) : tasks).map((task) => JSON.stringify(task.headers));
}

/** The settlements of an exchange by the path they take, each with its place among all. */
export interface Sorted {
  /** Completed tasks of one epoch. */
  readonly completed: readonly { readonly settlement: Completed; readonly place: number }[];
  readonly others: readonly { readonly settlement: Settlement; readonly place: number }[];
}

type Completed = Extract<Settlement, { outcome: 'completed' }>;

/** A statement can change a row only once: the first settlement of a lease counts, its doubles are stale. */
export function sortSettlements(settlements: readonly Settlement[]): Sorted {
  const seen = new Set<string>();
  const completed: { settlement: Completed; place: number }[] = [];
  const others: { settlement: Settlement; place: number }[] = [];
  let epoch: number | undefined;
  for (const [place, settlement] of settlements.entries()) {
    if (isDouble(settlement, seen)) continue;
    if (settlement.outcome === 'completed' && settlement.epoch === (epoch ?? settlement.epoch)) {
      epoch = settlement.epoch;
      completed.push({ settlement, place });
    } else others.push({ settlement, place });
  }
  return { completed, others };
}

function isDouble({ id, epoch }: Settlement, seen: Set<string>): boolean {
  const before = seen.size;
  return seen.add(epoch === 1 ? id : `${id} ${epoch}`).size === before;
}

/** The parameters of `queue_exchange_v1` but the last two. */
export function exchangeArrays(request: ExchangeRequest, sorted: Sorted): unknown[] {
  const { worker, leaseMs, extend, claim } = request;
  const completed = sorted.completed.map(({ settlement }) => settlement);
  const others = sorted.others.map(({ settlement }) => settlement);
  const whens = others.map((settlement) => ('when' in settlement ? settlement.when : undefined));
  return [
    worker,
    leaseMs,
    textArray(completed.map((settlement) => settlement.id)),
    completed[0]?.epoch ?? 0,
    completed.some(({ result }) => result !== null) ? completed.map(({ result }) => result) : '{}',
    others.map((settlement) => settlement.id),
    others.map((settlement) => settlement.epoch),
    others.map((settlement) => settlement.outcome),
    whens.map((when) => (when === undefined ? null : waitOf(when))),
    whens.map((when) => when !== undefined && 'atMs' in when),
    others.map((settlement) => ('entry' in settlement ? JSON.stringify(settlement.entry) : null)),
    others.map((settlement) => (settlement.outcome === 'completed' ? settlement.result : null)),
    extend.map((lease) => lease.id),
    extend.map((lease) => lease.epoch),
    extend.some((lease) => lease.progress !== undefined)
      ? extend.map((lease) => lease.progress ?? null)
      : [],
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
