import { createChange, dropChange } from './functions/change.js';
import { createControl, dropControl } from './functions/control.js';
import { createEnqueue, dropEnqueue } from './functions/enqueue.js';
import { createExchange, dropExchange } from './functions/exchange.js';
import { createGoverned, dropGoverned } from './functions/governed.js';
import { createGroups, dropGroups } from './functions/groups.js';
import { createHandOver, dropHandOver } from './functions/hand-over.js';
import { createJournal, dropJournal } from './functions/journal.js';
import { createSweep, dropSweep } from './functions/sweep.js';

/**
 * Functions of version 1. What changes tasks are functions in the database: several statements, one round trip, one
 * commit. Their names carry a version, so that a newer library can add another beside it while older processes still
 * run.
 */
export function createFunctions(s: string): string {
  const create = [
    createJournal,
    createGroups,
    createGoverned,
    createHandOver,
    createEnqueue,
    createExchange,
    createSweep,
    createChange,
    createControl,
  ];
  return create.map((make) => make(s)).join('');
}

/** Undoes {@link createFunctions}. */
export function dropFunctions(s: string): string {
  const drop = [
    dropControl,
    dropChange,
    dropSweep,
    dropExchange,
    dropEnqueue,
    dropHandOver,
    dropGoverned,
    dropGroups,
    dropJournal,
  ];
  return drop.map((make) => make(s)).join('');
}
