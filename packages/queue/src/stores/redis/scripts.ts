import { ALTER, CONTROL, FIND, FIND_IDS, STATS } from './lua/admin.js';
import { withConstants } from './lua/constants.js';
import { ENQUEUE, ENQUEUE_PLAIN } from './lua/enqueue.js';
import { EXCHANGE } from './lua/exchange.js';
import { FINISH } from './lua/finish.js';
import { GROUPS } from './lua/groups.js';
import { EVENTS, MINUTES } from './lua/journal.js';
import { PRELUDE } from './lua/prelude.js';
import { QUEUES } from './lua/queues.js';
import { DUE, FIRE, SCHEDULE, SCHEDULES } from './lua/schedules.js';
import { SWEEP } from './lua/sweep.js';
import { TASKS } from './lua/tasks.js';
import { type Script, script } from './script.js';

type Name =
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
  | 'due'
  | 'schedule'
  | 'fire';

const PARTS: Readonly<Record<Name, string>> = {
  enqueue: ENQUEUE_PLAIN + ENQUEUE,
  exchange: EXCHANGE,
  sweep: SWEEP,
  find: FIND,
  findIds: FIND_IDS,
  stats: STATS,
  alter: ALTER,
  control: CONTROL,
  events: EVENTS,
  minutes: MINUTES,
  schedules: SCHEDULES,
  due: DUE,
  schedule: SCHEDULE,
  fire: FIRE + ENQUEUE,
};

/** Every script of the store. */
export type Scripts = Readonly<Record<Name, Script>>;

/** The scripts, with the statement that sets their clock. */
export function scripts(clock: string): Scripts {
  const whole = Object.entries(PARTS).map(([name, body]) => [
    name,
    script(withConstants([clock, PRELUDE, QUEUES, GROUPS, TASKS, FINISH, body].join('\n'))),
  ]);
  return Object.fromEntries(whole) as Scripts;
}
