import type { ExchangeRequest, NewTask, QueuePatch, Settlement, When } from '../../store.js';
import { whoOf } from '../../who.js';

type Arg = string | number;

const waitOf = (when: When): number => ('atMs' in when ? when.atMs : when.delayMs);

/** Name and headers as they are kept before the payload. JSON has no line feed in it, so the first ends it. */
function bodyOf({ name, headers, payload }: NewTask): string {
  return `${JSON.stringify([name, headers])}\n${payload}`;
}

/** What only some tasks have, as JSON; '' for the others. */
function moreOf({ key, group, waitFor }: NewTask): string {
  if (key === undefined && group === undefined && waitFor === undefined) return '';
  const special = key !== undefined && (key.mode ?? 'ignore') !== 'ignore';
  const more = {
    ...(group && { g: group.key, w: group.weight, strict: group.strict }),
    ...(waitFor && { flow: { ids: waitFor.ids, policy: waitFor.onFailure } }),
    ...(key &&
      (special || key.freeOnFailure || key.freeOnStart) && {
        key: {
          ...(special && { mode: key.mode }),
          max: key.maxMergedChars,
          ...(key.freeOnFailure && { free: true }),
          ...(key.freeOnStart && { start: true }),
        },
      }),
  };
  const text = JSON.stringify(more);
  return text === '{}' ? '' : text;
}

const sameHeaders = (a: NewTask['headers'], b: NewTask['headers']): boolean =>
  a === b || JSON.stringify(a) === JSON.stringify(b);

/** What tasks of one run have in common. */
function sameRun(a: NewTask, b: NewTask, plain: boolean): boolean {
  const same =
    a.queue === b.queue &&
    a.name === b.name &&
    a.maxAttempts === b.maxAttempts &&
    a.keepCompletedMs === b.keepCompletedMs &&
    a.keepDeadMs === b.keepDeadMs;
  if (!same || plain) return same && sameHeaders(a.headers, b.headers);
  return (
    a.priority === b.priority &&
    a.key?.ttlMs === b.key?.ttlMs &&
    'atMs' in a.when === 'atMs' in b.when &&
    waitOf(a.when) === waitOf(b.when) &&
    moreOf(a) === moreOf(b)
  );
}

/** Whether a task may be kept as one text: see the keys in lua/head.ts. */
function isPlain({ payload, priority, when, key, group, waitFor }: NewTask): boolean {
  const plain = key === undefined && group === undefined && waitFor === undefined;
  // NUL stands between plain tasks in the answer to a claim. JSON has none.
  return (
    plain && priority === 0 && 'delayMs' in when && when.delayMs <= 0 && !payload.includes('\0')
  );
}

/** As Redis gets it: without halves of surrogate pairs, which its JSON does not know. */
const wellFormed = (text: string): string => Buffer.from(text).toString();

function plainHeadOf(task: NewTask): Arg[] {
  const { queue, name, headers, maxAttempts, keepCompletedMs, keepDeadMs } = task;
  const keep = [Math.ceil(keepCompletedMs), Math.ceil(keepDeadMs)];
  const head = JSON.stringify([wellFormed(queue), wellFormed(name), maxAttempts, ...keep]);
  return ['p', queue, name, 0, head.slice(0, -1), JSON.stringify([name, headers])];
}

function headOf(task: NewTask): Arg[] {
  const { queue, name, priority, when, maxAttempts, keepCompletedMs, keepDeadMs, key } = task;
  const absolute = 'atMs' in when ? 1 : 0;
  const keep = [Math.ceil(keepCompletedMs), Math.ceil(keepDeadMs)];
  const ttl = key === undefined ? '' : Math.ceil(key.ttlMs);
  const times = [priority, absolute, waitOf(when), maxAttempts, ...keep, ttl];
  return ['s', queue, name, 0, ...times, moreOf(task)];
}

/** The arguments of ENQUEUE_ONE; undefined where the task is more than plain. */
export function enqueueOneArgs(task: NewTask): Arg[] | undefined {
  if (!isPlain(task)) return undefined;
  const [, queue = '', name = '', , head = '', names = ''] = plainHeadOf(task);
  return [queue, name, head, names, task.id, `1 ${task.payload}`];
}

const COUNT_AT = 3;
/** UUIDs with spaces between them, in lower case: every server puts them in the same order, whatever its locale. */
const UUIDS =
  /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?: [0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})*$/;
/** Characters of a payload up to which many are sent as one text: it is less work than many texts, and as much to copy. */
const SMALL = 2_000;

/** Tasks of one run, from the first to before the last. */
function addRun(args: Arg[], tasks: readonly NewTask[], from: number, to: number): void {
  const head = headOf(tasks[from] as NewTask);
  head[COUNT_AT] = to - from;
  args.push(...head);
  for (let at = from; at < to; at++) {
    const task = tasks[at] as NewTask;
    args.push(task.id, bodyOf(task));
    if (task.key !== undefined) args.push(task.key.value);
  }
}

function addPlainRun(args: Arg[], tasks: readonly NewTask[], from: number, to: number): void {
  const head = plainHeadOf(tasks[from] as NewTask);
  head[COUNT_AT] = to - from;
  const ids: string[] = [];
  const texts: string[] = [];
  let joins = to - from > 1;
  let last = '';
  for (let at = from; at < to; at++) {
    const { id, payload } = tasks[at] as NewTask;
    ids.push(id);
    texts.push(`${at - from + 1} ${payload}`);
    joins &&= id > last && payload.length <= SMALL && !payload.includes('\n');
    last = id;
  }
  const joined = joins ? ids.join(' ') : '';
  if (UUIDS.test(joined)) {
    head[0] = 'b';
    args.push(...head, joined, texts.join('\n'));
    return;
  }
  args.push(...head);
  for (const [at, id] of ids.entries()) args.push(id, texts[at] as string);
}

/** The arguments of ENQUEUE. */
export function enqueueArgs(tasks: readonly NewTask[]): Arg[] {
  const args: Arg[] = [];
  let from = 0;
  while (from < tasks.length) {
    const first = tasks[from] as NewTask;
    const plain = isPlain(first);
    let to = from + 1;
    for (let next = tasks[to]; next !== undefined; next = tasks[++to]) {
      if (isPlain(next) !== plain || !sameRun(first, next, plain)) break;
    }
    if (plain) addPlainRun(args, tasks, from, to);
    else addRun(args, tasks, from, to);
    from = to;
  }
  return args;
}

const OUTCOMES = { completed: 'c', retry: 'r', dead: 'd', released: 'b' } as const;

function textOf(settlement: Settlement): string {
  if ('entry' in settlement) return JSON.stringify(settlement.entry);
  return 'result' in settlement ? (settlement.result ?? '') : '';
}

const withoutResult = (settlement: Settlement): boolean =>
  settlement.outcome === 'completed' && settlement.result === null;

/** An exchange as the script takes it, and the way back. */
export interface ExchangeArgs {
  readonly args: Arg[];
  /** For each settlement as the script counts them, from 0, its index in the request. */
  readonly places: readonly number[];
}

/** What an exchange says of the ones before it. */
export interface ExchangeNames {
  readonly token: string;
  readonly answered: string;
  /** See UNPARK in lua/hand-over.ts. */
  readonly heard: string;
}

/** The arguments of EXCHANGE. Of several settlements of one task the first counts, and the others are stale. */
export function exchangeArgs(
  { worker, settle, extend, claim, leaseMs }: ExchangeRequest,
  { token, answered, heard }: ExchangeNames,
): ExchangeArgs {
  const { queues, limit, park = false } = claim;
  const args: Arg[] = [worker, leaseMs, token, answered, heard, park ? 1 : 0, limit];
  args.push(queues.length, ...queues, extend.length);
  for (const { id, epoch, progress = '' } of extend) args.push(id, epoch, progress);
  const places: number[] = [];
  const others: number[] = [];
  const ids: string[] = [];
  const results = new Results();
  const seen = new Set<string>();
  for (const [index, settlement] of settle.entries()) {
    if (seen.has(settlement.id)) continue;
    seen.add(settlement.id);
    if (settlement.outcome === 'completed' && settlement.epoch === 1) {
      places.push(index);
      ids.push(settlement.id);
      results.add(settlement.result);
    } else {
      others.push(index);
    }
  }
  args.push(ids.length, results.args.length / 2, ...results.args, ...ids);
  for (const index of others) args.push(...settlementArgs(settle[index] as Settlement));
  places.push(...others);
  return { args, places };
}

/** Results of leases one after the other: many have none, or the same. */
class Results {
  /** How many, and = and the result, or '' for none. */
  readonly args: Arg[] = [];
  #last: string | null | undefined;

  add(result: string | null): void {
    if (result === this.#last) {
      const at = this.args.length - 2;
      this.args[at] = (this.args[at] as number) + 1;
      return;
    }
    this.#last = result;
    this.args.push(1, result === null ? '' : `=${result}`);
  }
}

function settlementArgs(settlement: Settlement): Arg[] {
  const { id, epoch } = settlement;
  const when = 'when' in settlement ? settlement.when : { delayMs: 0 };
  const outcome = withoutResult(settlement) ? 'n' : OUTCOMES[settlement.outcome];
  const absolute = 'atMs' in when ? 1 : 0;
  return [id, epoch, outcome, absolute, waitOf(when), textOf(settlement)];
}

/** Without the fields that are null: for the scripts they are absent. */
function withoutNulls<T extends object>(
  limits: T | null | undefined,
): Partial<T> | null | undefined {
  if (!limits) return limits;
  const kept = Object.entries(limits).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(kept) as Partial<T>;
}

/** A patch as CONTROL takes it: there null takes a limit away. */
export function patchArg(patch: QueuePatch): string {
  const { groups, groupDefaults, paused: _, by: __, reason: ___, ...rest } = patch;
  const all = [groups, groupDefaults, ...Object.values(rest)];
  const limited = all.some((limit) => limit !== undefined);
  const who = JSON.stringify(whoOf(patch));
  const byKey =
    groups &&
    Object.fromEntries(Object.entries(groups).map(([key, value]) => [key, withoutNulls(value)]));
  return JSON.stringify({
    ...patch,
    groupDefaults: withoutNulls(groupDefaults),
    groups: byKey,
    limited,
    who: who === '{}' ? '' : who,
  });
}
