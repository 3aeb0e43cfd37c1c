import { QueueError } from '../../errors.js';
import { shown } from '../../options.js';
import type { ExchangeRequest, NewTask, QueuePatch, Settlement, When } from '../../store.js';

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
      (special || key.freeOnFailure) && {
        key: {
          ...(special && { mode: key.mode }),
          max: key.maxMergedChars,
          ...(key.freeOnFailure && { free: true }),
        },
      }),
  };
  const text = JSON.stringify(more);
  return text === '{}' ? '' : text;
}

/** What tasks of one run have in common. */
function sameRun(a: NewTask, b: NewTask): boolean {
  return (
    a.queue === b.queue &&
    a.name === b.name &&
    a.priority === b.priority &&
    a.maxAttempts === b.maxAttempts &&
    a.keepCompletedMs === b.keepCompletedMs &&
    a.keepDeadMs === b.keepDeadMs &&
    a.key?.ttlMs === b.key?.ttlMs &&
    'atMs' in a.when === 'atMs' in b.when &&
    waitOf(a.when) === waitOf(b.when) &&
    moreOf(a) === moreOf(b)
  );
}

function headOf(task: NewTask): Arg[] {
  const { queue, name, priority, when, maxAttempts, keepCompletedMs, keepDeadMs, key } = task;
  const absolute = 'atMs' in when ? 1 : 0;
  const keep = [Math.ceil(keepCompletedMs), Math.ceil(keepDeadMs)];
  const ttl = key === undefined ? '' : Math.ceil(key.ttlMs);
  return [
    queue,
    name,
    0,
    priority,
    absolute,
    waitOf(when),
    maxAttempts,
    ...keep,
    ttl,
    moreOf(task),
  ];
}

const COUNT_AT = 2;

/** The arguments of ENQUEUE. */
export function enqueueArgs(tasks: readonly NewTask[]): Arg[] {
  const args: Arg[] = [];
  let first: NewTask | undefined;
  let countAt = 0;
  for (const task of tasks) {
    if (first === undefined || !sameRun(first, task)) {
      first = task;
      countAt = args.length + COUNT_AT;
      args.push(...headOf(task));
    }
    args[countAt] = (args[countAt] as number) + 1;
    args.push(task.id, bodyOf(task));
    if (task.key !== undefined) args.push(task.key.value);
  }
  return args;
}

/** Refuses a batch that has an id twice, or a task that waits for one that does not come before it. */
export function checkBatch(tasks: readonly NewTask[]): void {
  const ids = new Set<string>();
  for (const { id, waitFor } of tasks) {
    if (ids.has(id)) throw new QueueError('QUEUE_TASK_CONFLICT', `There is a task ${id} already`);
    const unknown = waitFor?.ids.find((child) => !ids.has(child));
    if (unknown !== undefined) {
      const text = `Task ${id} waits for ${shown(unknown)}, which does not come before it`;
      throw new QueueError('QUEUE_INPUT_INVALID', text);
    }
    ids.add(id);
  }
}

const OUTCOMES = { completed: 'c', retry: 'r', dead: 'd', released: 'b' } as const;

function textOf(settlement: Settlement): string {
  if ('entry' in settlement) return JSON.stringify(settlement.entry);
  return 'result' in settlement ? (settlement.result ?? '') : '';
}

/** An exchange as the script takes it, and the way back. */
export interface ExchangeArgs {
  readonly args: Arg[];
  /** For each settlement as the script counts them, from 0, its index in the request. */
  readonly places: readonly number[];
}

/** The arguments of EXCHANGE. Of several settlements of one task the first counts, and the others are stale. */
export function exchangeArgs(
  { worker, settle, extend, claim, leaseMs }: ExchangeRequest,
  token: string,
  answered: string,
): ExchangeArgs {
  const args: Arg[] = [worker, leaseMs, token, answered, claim.limit, claim.queues.length];
  args.push(...claim.queues, extend.length);
  for (const { id, epoch, progress = '' } of extend) args.push(id, epoch, progress);
  const countAt = args.push(0) - 1;
  const places: number[] = [];
  const others: number[] = [];
  const seen = new Set<string>();
  for (const [index, settlement] of settle.entries()) {
    if (seen.has(settlement.id)) continue;
    seen.add(settlement.id);
    if (settlement.outcome === 'completed' && settlement.result === null) {
      places.push(index);
      args.push(settlement.id, settlement.epoch);
    } else {
      others.push(index);
    }
  }
  args[countAt] = places.length;
  for (const index of others) {
    const settlement = settle[index] as Settlement;
    const when = 'when' in settlement ? settlement.when : { delayMs: 0 };
    args.push(settlement.id, settlement.epoch, OUTCOMES[settlement.outcome]);
    args.push('atMs' in when ? 1 : 0, waitOf(when), textOf(settlement));
    places.push(index);
  }
  return { args, places };
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
  const { groups, groupDefaults } = patch;
  const byKey =
    groups &&
    Object.fromEntries(Object.entries(groups).map(([key, value]) => [key, withoutNulls(value)]));
  return JSON.stringify({ ...patch, groupDefaults: withoutNulls(groupDefaults), groups: byKey });
}
