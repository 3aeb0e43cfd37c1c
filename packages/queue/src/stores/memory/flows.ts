import type { MemoryTask } from './task.js';
import type { MemoryTasks } from './tasks.js';

/** Parents and children. A parent's `pending` is always the number of its children that are live. */
export class MemoryFlows {
  readonly #tasks: MemoryTasks;
  /** Children that ended: worked off one by one, so that a long chain of failures needs no deep stack. */
  readonly #ended: MemoryTask[] = [];
  #working = false;

  constructor(tasks: MemoryTasks) {
    this.#tasks = tasks;
  }

  /** A new parent waits for its children. `placed` has the ids of the tasks that its children turned out to be. */
  begin(parent: MemoryTask, placed: ReadonlyMap<string, string>, now: number): void {
    const { ids = [], onFailure = 'fail' } = parent.task.waitFor ?? {};
    parent.children = [...new Set(ids.map((id) => placed.get(id) ?? id))];
    this.wait(parent, now);
    if (onFailure === 'ignore' || parent.finishedAt !== null) return;
    const failed = parent.children.find((id) => {
      const child = this.#tasks.byId.get(id);
      return child !== undefined && child.finishedAt !== null && child.state !== 'completed';
    });
    if (failed !== undefined) this.#fail(parent, failed, now);
  }

  /** A parent waits for those of its children that are live, or arrives. */
  wait(parent: MemoryTask, now: number): void {
    parent.pending = 0;
    for (const id of parent.children) {
      const child = this.#tasks.byId.get(id);
      if (child === undefined) continue; // completed, and kept no longer
      if (!child.parents.includes(parent)) child.parents.push(parent);
      if (child.finishedAt === null) parent.pending++;
    }
    const queue = this.#tasks.queue(parent.task.queue);
    if (parent.pending > 0) queue.move(parent, 'scheduled', 'children');
    else queue.arrive(parent, now);
  }

  /** A child is live again: whoever still waits, waits for it too. */
  revived(child: MemoryTask): void {
    for (const parent of child.parents) {
      if (parent.blockedBy === 'children') parent.pending++;
    }
  }

  /** A child ended, or was removed while it was live. */
  ended(child: MemoryTask, now: number): void {
    this.#ended.push(child);
    if (this.#working) return;
    this.#working = true;
    for (let next = this.#ended.shift(); next !== undefined; next = this.#ended.shift()) {
      for (const parent of next.parents) this.#tell(parent, next, now);
    }
    this.#working = false;
  }

  #tell(parent: MemoryTask, child: MemoryTask, now: number): void {
    if (parent.blockedBy !== 'children') return;
    parent.pending--;
    if (child.state !== 'completed' && parent.task.waitFor?.onFailure === 'fail') {
      this.#fail(parent, child.task.id, now);
      return;
    }
    if (parent.pending > 0) return;
    parent.runAt = Math.max(parent.runAt, now);
    const queue = this.#tasks.queue(parent.task.queue);
    queue.arrive(parent, now);
    queue.wake();
  }

  #fail(parent: MemoryTask, child: string, now: number): void {
    this.#tasks.enter(parent, now, { kind: 'child', child });
    this.#tasks.journal.minute(parent.task.queue, now).dead++;
    this.#tasks.finish(parent, 'dead', now);
  }
}
