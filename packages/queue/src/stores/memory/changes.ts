import type { Alteration, AlterationBase, Edit, Move } from '../../store.js';
import { whoOf } from '../../who.js';
import type { MemoryTask } from './task.js';
import type { MemoryTasks } from './tasks.js';

type Fits = (task: MemoryTask) => boolean;

const atRest: Fits = ({ state }) => state !== 'leased';
const waiting: Fits = ({ state }) => state === 'ready' || state === 'scheduled';

/** Which tasks a change fits, apart from what only its turn can tell. */
export function fits(change: Alteration | Edit): Fits {
  switch (change.kind) {
    case 'redrive':
      return ({ state }) => state === 'dead';
    case 'cancel':
      return change.running
        ? (task) => waiting(task) || (task.state === 'leased' && !task.cancelRequested)
        : waiting;
    case 'remove':
      return atRest;
    case 'clean':
      return ({ finishedAt }) => finishedAt !== null;
    case 'promote':
      return ({ state, blockedBy }) => state === 'scheduled' && blockedBy === null;
    case 'reprioritise':
      return (task) => waiting(task) && task.task.priority !== change.priority;
    case 'move':
      return ({ state, blockedBy, parents, children, task }) =>
        (state === 'ready' || state === 'dead' || (state === 'scheduled' && blockedBy === null)) &&
        parents.length === 0 &&
        children.length === 0 &&
        task.queue !== change.queue;
  }
}

/** Changes a task that the change fits; `index` counts those of the same call. Whether it was changed. */
export function changeTask(
  tasks: MemoryTasks,
  task: MemoryTask,
  change: Alteration | Edit,
  index: number,
  now: number,
): boolean {
  const queue = tasks.queue(task.task.queue);
  switch (change.kind) {
    case 'redrive':
      return redrive(tasks, task, change, index, now);
    case 'cancel':
      tasks.enter(task, now, { kind: 'cancelled', ...whoOf(change) });
      if (task.state === 'leased') {
        task.cancelRequested = true;
      } else {
        task.holder = null;
        tasks.finish(task, 'cancelled', now, whoOf(change));
      }
      return true;
    case 'remove':
      tasks.journal.change('task.removed', task, now, whoOf(change));
      remove(tasks, task, now);
      return true;
    case 'clean':
      remove(tasks, task, now);
      return true;
    case 'promote':
      tell(tasks, task, 'promoted', change, now);
      task.runAt = now;
      queue.arrive(task, now);
      return true;
    case 'reprioritise':
      if (!queue.takes(change.priority)) return false;
      tell(tasks, task, 'reprioritised', change, now);
      task.task = { ...task.task, priority: change.priority };
      queue.move(task, task.state, task.blockedBy);
      return true;
    case 'move':
      return move(tasks, task, change, now);
  }
}

/** Says in the history of a task and in an event what an operator does to it. */
function tell(
  tasks: MemoryTasks,
  task: MemoryTask,
  kind: 'promoted' | 'reprioritised' | 'moved',
  change: AlterationBase,
  now: number,
  from: { from?: string } = {},
): void {
  const more = { ...whoOf(change), ...from };
  tasks.enter(task, now, { kind, ...more });
  tasks.journal.change(`task.${kind}`, task, now, more);
}

function redrive(
  tasks: MemoryTasks,
  task: MemoryTask,
  change: Alteration & { kind: 'redrive' },
  index: number,
  now: number,
): boolean {
  const { payload, everyMs = 0 } = change;
  if (!tasks.retakeKey(task, task.task.queue, now)) return false;
  const edited = payload === undefined ? {} : { edited: true as const };
  tasks.enter(task, now, { kind: 'redriven', ...whoOf(change), ...edited });
  if (payload !== undefined) task.task = { ...task.task, payload };
  task.holder = null;
  task.attempts = 0;
  task.finishedAt = null;
  task.expiresAt = null;
  task.progress = null;
  task.runAt = now + index * everyMs;
  task.seq = tasks.nextSeq();
  tasks.queue(task.task.queue).join(task, now, false);
  tasks.journal.change('task.redriven', task, now, { epoch: task.epoch, ...whoOf(change) });
  tasks.flows.wait(task, now);
  tasks.flows.revived(task);
  return true;
}

function remove(tasks: MemoryTasks, task: MemoryTask, now: number): void {
  const live = task.finishedAt === null;
  tasks.drop(task, now);
  tasks.keys.free(task.task);
  if (live) tasks.flows.ended(task, now);
}

function move(tasks: MemoryTasks, task: MemoryTask, change: Move, now: number): boolean {
  const { queue: to } = change;
  if (tasks.queues.get(to)?.takes(task.task.priority) === false) return false;
  const from = tasks.queue(task.task.queue);
  const moved = { ...task.task, queue: to };
  if (!tasks.retakeKey(task, to, now)) return false;
  tasks.keys.free(task.task);
  const { state } = task;
  from.leave(task);
  from.freeSlot(task, now);
  if (state !== 'dead') from.part(task, now);
  else if (task.group !== null) from.forget(task.group, now);
  task.group = null;
  task.holder = null;
  const left = { from: task.task.queue };
  task.task = moved;
  tell(tasks, task, 'moved', change, now, left);
  task.seq = tasks.nextSeq();
  const queue = tasks.queue(to);
  queue.enter(task);
  if (state === 'dead') {
    queue.move(task, 'dead');
    return true;
  }
  queue.join(task, now, true);
  queue.arrive(task, now);
  return true;
}
