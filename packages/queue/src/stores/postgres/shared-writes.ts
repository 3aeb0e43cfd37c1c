import { type GroupCommit, groupCommit, type SqlDatabase } from '@holdfast/sql';
import type { EnqueueOutcome, NewTask } from '../../store.js';
import { isSpecial } from './arrays.js';

type Tasks = readonly NewTask[];
type Shared = GroupCommit<Tasks, EnqueueOutcome[]>;

/**
 * Writes calls together that arrive while a commit is under way. What may have to wait for another's lock, because of a
 * key or a group, shares only with its like of the same queue: so it keeps no other waiting.
 */
export class SharedWrites {
  readonly #db: SqlDatabase;
  readonly #write: (tasks: Tasks) => Promise<EnqueueOutcome[]>;
  readonly #plain: Shared;
  readonly #locking = new Map<string, { readonly shared: Shared; users: number }>();

  constructor(db: SqlDatabase, write: (tasks: Tasks) => Promise<EnqueueOutcome[]>) {
    this.#db = db;
    this.#write = write;
    this.#plain = this.#newShared();
  }

  /** Writes the tasks of a call, with those of others. */
  async add(tasks: Tasks): Promise<EnqueueOutcome[]> {
    const locking = tasks.find((task) => task.key !== undefined || isSpecial(task));
    if (locking === undefined) return this.#plain.add(tasks);
    const { queue } = locking;
    // A call that takes the locks of several queues would keep one waiting for the other.
    if (!tasks.every((task) => task.queue === queue)) return this.#write(tasks);
    const entry = this.#locking.get(queue) ?? { shared: this.#newShared(), users: 0 };
    this.#locking.set(queue, entry);
    entry.users++;
    try {
      return await entry.shared.add(tasks);
    } finally {
      if (--entry.users === 0) this.#locking.delete(queue);
    }
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    const all = [this.#plain, ...[...this.#locking.values()].map(({ shared }) => shared)];
    await Promise.all(all.map((shared) => shared.close()));
  }

  #newShared(): Shared {
    return groupCommit({
      database: this.#db,
      flush: (calls) => this.#together(calls),
      // The call with an id that is taken fails; the others do not.
      isolateFailures: true,
    });
  }

  async #together(calls: readonly Tasks[]): Promise<EnqueueOutcome[][]> {
    const [only] = calls;
    if (only !== undefined && calls.length === 1) return [await this.#write(only)];
    const outcomes = await this.#write(calls.flat());
    let at = 0;
    return calls.map(({ length }) => {
      const from = at;
      at += length;
      return outcomes.slice(from, at);
    });
  }
}
