import { ALTER, CONTROL, FIND, FIND_IDS, STATS } from './lua/admin.js';
import { ENQUEUE } from './lua/enqueue.js';
import { EXCHANGE } from './lua/exchange.js';
import { PRELUDE } from './lua/prelude.js';
import { SWEEP } from './lua/sweep.js';
import { type Script, script } from './script.js';

/** Every script of the store. */
export interface Scripts {
  readonly enqueue: Script;
  readonly exchange: Script;
  readonly sweep: Script;
  readonly find: Script;
  readonly findIds: Script;
  readonly stats: Script;
  readonly alter: Script;
  readonly control: Script;
}

/** The scripts, with the statement that sets their clock. */
export function scripts(clock: string): Scripts {
  const whole = (body: string): Script => script(clock, PRELUDE, body);
  return {
    enqueue: whole(ENQUEUE),
    exchange: whole(EXCHANGE),
    sweep: whole(SWEEP),
    find: whole(FIND),
    findIds: whole(FIND_IDS),
    stats: whole(STATS),
    alter: whole(ALTER),
    control: whole(CONTROL),
  };
}
