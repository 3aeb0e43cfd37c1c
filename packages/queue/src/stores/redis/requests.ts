import type { ExchangeRequest, NewTask, Settlement, When } from '../../store.js';

type Arg = string | number;

const waitOf = (when: When): number => ('atMs' in when ? when.atMs : when.delayMs);

/** Name and headers as they are kept before the payload. JSON has no line feed in it, so the first ends it. */
function bodyOf({ name, headers, payload }: NewTask): string {
  return `${JSON.stringify([name, headers])}\n${payload}`;
}

/** What tasks of one run have in common. */
function sameRun(a: NewTask, b: NewTask): boolean {
  return (
    a.queue === b.queue &&
    a.priority === b.priority &&
    a.maxAttempts === b.maxAttempts &&
    a.keepCompletedMs === b.keepCompletedMs &&
    a.keepDeadMs === b.keepDeadMs &&
    a.key?.ttlMs === b.key?.ttlMs &&
    'atMs' in a.when === 'atMs' in b.when &&
    waitOf(a.when) === waitOf(b.when)
  );
}

/** The arguments of ENQUEUE. */
export function enqueueArgs(tasks: readonly NewTask[]): Arg[] {
  const args: Arg[] = [];
  let first: NewTask | undefined;
  let countAt = 0;
  for (const task of tasks) {
    if (first === undefined || !sameRun(first, task)) {
      first = task;
      const { queue, priority, when, maxAttempts, keepCompletedMs, keepDeadMs, key } = task;
      const absolute = 'atMs' in when ? 1 : 0;
      const keep = [Math.ceil(keepCompletedMs), Math.ceil(keepDeadMs)];
      countAt = args.length + 1;
      args.push(queue, 0, priority, absolute, waitOf(when), maxAttempts, ...keep, key?.ttlMs ?? '');
    }
    args[countAt] = (args[countAt] as number) + 1;
    args.push(task.id, bodyOf(task));
    if (task.key !== undefined) args.push(task.key.value);
  }
  return args;
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
  for (const { id, epoch } of extend) args.push(id, epoch);
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
