import { ALTER, CONTROL, STATS } from './lua/admin.js';
import { withConstants } from './lua/constants.js';
import { ENQUEUE } from './lua/enqueue.js';
import { ENQUEUE_ONE } from './lua/enqueue-one.js';
import { EXCHANGE } from './lua/exchange.js';
import { FIND, FIND_IDS } from './lua/find.js';
import { FINISH, FINISH_CALL } from './lua/finish.js';
import { GROUPS } from './lua/groups.js';
import { HEAD } from './lua/head.js';
import { EVENTS, MINUTES } from './lua/journal.js';
import { PRELUDE } from './lua/prelude.js';
import { QUEUES } from './lua/queues.js';
import { DUE, FIRE, SCHEDULE, SCHEDULE_NAMES, SCHEDULES } from './lua/schedules.js';
import { SWEEP } from './lua/sweep.js';
import { TASKS } from './lua/tasks.js';
import { type Script, script } from './script.js';

type Name =
  | 'enqueueOne'
  | 'enqueue'
  | 'exchange'
  | 'sweep'
  | 'find'
  | 'findIds'
  | 'stats'
  | 'alter'
  | 'control'
  | 'events'
  | 'minutes'
  | 'schedules'
  | 'scheduleNames'
  | 'due'
  | 'schedule'
  | 'fire';

/** Those that have a short way, and make what the long one needs only when they take it. */
const WHOLE: Readonly<Partial<Record<Name, string>>> = {
  enqueue: ENQUEUE,
  enqueueOne: ENQUEUE_ONE,
  exchange: EXCHANGE,
  fire: FIRE,
};

const PARTS: Readonly<Partial<Record<Name, string>>> = {
  sweep: SWEEP,
  find: FIND,
  findIds: FIND_IDS,
  stats: STATS,
  alter: ALTER,
  control: CONTROL,
  events: EVENTS,
  minutes: MINUTES,
  schedules: SCHEDULES,
  scheduleNames: SCHEDULE_NAMES,
  due: DUE,
  schedule: SCHEDULE,
};

/**
 * Those that make room, or move what is there already: a server whose memory is full must not refuse them, or nobody
 * could ever work off what fills it; nor a list, by which operators find what to remove. Enqueues are refused.
 */
const FREEING: ReadonlySet<string> = new Set(['exchange', 'sweep', 'find', 'alter', 'control']);

/** Every script of the store. */
export type Scripts = Readonly<Record<Name, Script>>;

/** The scripts, with the statement that sets their clock. */
export function scripts(clock: string): Scripts {
  const before = [HEAD, PRELUDE, QUEUES, GROUPS, TASKS, FINISH, FINISH_CALL];
  const made = [
    ...Object.entries(WHOLE),
    ...Object.entries(PARTS).map(([name, body]) => [name, [...before, body].join('\n')] as const),
  ].map(([name, body]) => [name, script(withConstants(`${clock}\n${body}`), FREEING.has(name))]);
  return Object.fromEntries(made) as Scripts;
}
