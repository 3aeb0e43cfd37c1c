import type {
  Alteration,
  Edit,
  PageRequest,
  TaskFilter,
  TaskRecord,
  TaskState,
} from '../../store.js';
import { STATES, toRecord } from './replies.js';
import type { Script } from './script.js';
import type { Scripts } from './scripts.js';

type Arg = string | number;

/** What management needs of the store. */
export interface AdminAccess {
  readonly scripts: Scripts;
  readonly run: (script: Script, args: readonly Arg[]) => Promise<unknown>;
  /** Names of all queues. */
  readonly queues: () => Promise<string[]>;
}

/** Ids sent to one script: others wait meanwhile. */
const IDS_A_CALL = 500;

/** A filter as the scripts take it. */
function filterArg({ ids: _, states, ...filter }: TaskFilter): string {
  const digits =
    states && [...STATES.keys()].filter((at) => states.includes(STATES[at] ?? 'ready'));
  return JSON.stringify({ ...filter, states: digits?.map((at) => at + 1).join('') });
}

const compare = (a: TaskRecord, b: TaskRecord): number => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);

/** A page of tasks. */
export async function findTasks(
  access: AdminAccess,
  filter: TaskFilter,
  page: PageRequest,
): Promise<TaskRecord[]> {
  if (filter.states?.length === 0 || page.limit <= 0) return [];
  const sign = page.order === 'newest' ? -1 : 1;
  const found =
    filter.ids === undefined
      ? await findInQueues(access, filter, page)
      : await findByIds(access, filter, filter.ids, page);
  return found.sort((a, b) => sign * compare(a, b)).slice(0, page.limit);
}

async function findByIds(
  { run, scripts }: AdminAccess,
  filter: TaskFilter,
  ids: readonly string[],
  { order, after }: PageRequest,
): Promise<TaskRecord[]> {
  const wanted = [...new Set(ids)].filter(
    (id) => after === undefined || (order === 'newest' ? id < after : id > after),
  );
  const found: TaskRecord[] = [];
  for (let from = 0; from < wanted.length; from += IDS_A_CALL) {
    const part = wanted.slice(from, from + IDS_A_CALL);
    const rows = await run(scripts.findIds, [filterArg(filter), ...part]);
    found.push(...(rows as unknown[][]).map(toRecord));
  }
  return found;
}

async function findInQueues(
  access: AdminAccess,
  filter: TaskFilter,
  page: PageRequest,
): Promise<TaskRecord[]> {
  const queues = filter.queue === undefined ? await access.queues() : [filter.queue];
  const parts = queues.map((queue) => findInQueue(access, { ...filter, queue }, page));
  return (await Promise.all(parts)).flat();
}

/** Each call looks at a bounded number of tasks; it goes on until the page is full or there are no more. */
async function findInQueue(
  { run, scripts }: AdminAccess,
  filter: TaskFilter,
  { order, limit, after }: PageRequest,
): Promise<TaskRecord[]> {
  const found: TaskRecord[] = [];
  let next: string | null = after ?? '';
  while (next !== null && found.length < limit) {
    const args: Arg[] = [filterArg(filter), order === 'newest' ? 1 : 0, next];
    const reply = await run(scripts.find, [...args, limit - found.length]);
    const [rows, rest] = reply as [unknown[][], string | null];
    found.push(...rows.map(toRecord));
    next = rest;
  }
  return found;
}

/** The states that each change fits. */
const FITS: Readonly<Record<(Alteration | Edit)['kind'], readonly TaskState[]>> = {
  redrive: ['dead'],
  cancel: ['ready', 'scheduled'],
  remove: ['ready', 'scheduled', 'completed', 'dead', 'cancelled'],
  clean: ['completed', 'dead', 'cancelled'],
  promote: ['scheduled'],
  reprioritise: ['ready', 'scheduled'],
  move: ['ready', 'scheduled', 'dead'],
};

/** A change as the script takes it: by and reason as the end of a JSON object. */
function changeArg({ by, reason, ...change }: Alteration | Edit): string {
  const parts = JSON.stringify({ by, reason }).slice(1, -1);
  return JSON.stringify({ ...change, who: parts === '' ? '' : `,${parts}` });
}

/**
 * Changes tasks, a bounded number a call: each is looked at again by the script that changes it, so that of two that do
 * the same at once only one does it.
 */
export async function alterTasks(
  { run, scripts, ...access }: AdminAccess,
  filter: TaskFilter,
  change: Alteration | Edit,
  limit: number,
): Promise<string[]> {
  const fitting = [...FITS[change.kind]];
  if (change.kind === 'cancel' && change.running) fitting.push('leased');
  const states = filter.states?.filter((state) => fitting.includes(state)) ?? fitting;
  // A change to one task can free another that was blocked: that one is left to the next call.
  const freeOnly = change.kind === 'move' || change.kind === 'promote';
  if (freeOnly && (filter.blockedBy ?? 'none') !== 'none') return [];
  const wanted = { ...filter, states, ...(freeOnly ? { blockedBy: 'none' as const } : {}) };
  const changed: string[] = [];
  let after: string | undefined;
  while (changed.length < limit) {
    const page = {
      order: 'oldest' as const,
      limit: IDS_A_CALL,
      ...(after === undefined ? {} : { after }),
    };
    const found = await findTasks({ run, scripts, ...access }, wanted, page);
    const ids = found.map((task) => task.id);
    const args = [filterArg(wanted), changeArg(change), changed.length, limit - changed.length];
    if (ids.length > 0)
      changed.push(...((await run(scripts.alter, [...args, ...ids])) as string[]));
    if (ids.length < IDS_A_CALL) break;
    after = ids.at(-1);
  }
  return changed;
}
