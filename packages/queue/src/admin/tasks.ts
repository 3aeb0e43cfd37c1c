import type {
  BulkInput,
  CancelInput,
  CancelManyInput,
  Change,
  Changed,
  CleanInput,
  ListTasksInput,
  MoveManyInput,
  RedriveInput,
  RedriveManyInput,
  ReprioritiseManyInput,
  TaskFilterInput,
  TaskInfo,
  TaskPage,
} from '../admin-data.js';
import { QueueError } from '../errors.js';
import { requireFeature } from '../features.js';
import type { Logger } from '../logger.js';
import { knownOptions, shown, textOption } from '../options.js';
import { encoded } from '../payload.js';
import {
  bulkSchema,
  cancelManySchema,
  cancelSchema,
  changeSchema,
  cleanSchema,
  listTasksSchema,
  moveManySchema,
  prioritySchema,
  redriveManySchema,
  redriveSchema,
  reprioritiseManySchema,
} from '../schemas.js';
import type {
  Alteration,
  Edit,
  EnqueueOutcome,
  NewTask,
  QueueStore,
  TaskFilter,
} from '../store.js';
import { nearestPriority, priorityRefused } from '../stores/common.js';
import { decodeCursor, encodeCursor, toTaskInfo } from '../task-info.js';
import { whoOf } from '../who.js';
import { parse } from './parse.js';
import { toFilter } from './translate.js';

/** What of a store the management surface needs: whatever its transactions are. */
export interface AdminStore extends Omit<QueueStore, 'enqueue' | 'complete'> {
  enqueue(tasks: readonly NewTask[]): Promise<EnqueueOutcome[]>;
}

const MAX_PAYLOAD_BYTES = 256 * 2 ** 20;

/** Looks at tasks and changes them: the part of `QueueAdmin` that is about tasks. */
export class AdminTasks {
  readonly #store: AdminStore;
  readonly #logger: Logger;

  constructor(store: AdminStore, logger: Logger) {
    this.#store = store;
    this.#logger = logger;
  }

  async list(input: ListTasksInput): Promise<TaskPage> {
    const { filter } = parse(listTasksSchema, input);
    return this.#page(toFilter(this.#store, filter), input);
  }

  async children(id: string, input: Omit<ListTasksInput, 'filter'>): Promise<TaskPage> {
    requireFeature(this.#store, 'flows', 'Children');
    knownOptions('input', input, ['sort', 'limit', 'cursor']);
    return this.#page({ childrenOf: textOption('id', id) }, input);
  }

  async #page(filter: TaskFilter, input: ListTasksInput): Promise<TaskPage> {
    const { sort, limit, cursor } = parse(listTasksSchema, input);
    const after = cursor ? decodeCursor(cursor) : undefined;
    const page = { order: sort, limit: limit + 1, ...(after === undefined ? {} : { after }) };
    const records = await this.#store.find(filter, page);
    const items = records.slice(0, limit).map(toTaskInfo);
    const last = items.at(-1);
    return { items, nextCursor: records.length > limit && last ? encodeCursor(last.id) : null };
  }

  async get(id: string): Promise<TaskInfo> {
    const [record] = await this.#store.find(
      { ids: [textOption('id', id)] },
      { order: 'oldest', limit: 1 },
    );
    if (record === undefined)
      throw new QueueError('QUEUE_TASK_NOT_FOUND', `There is no task ${shown(id)}`);
    return toTaskInfo(record);
  }

  async redrive(id: string, input: RedriveInput): Promise<TaskInfo> {
    const { payload, ...change } = parse(redriveSchema, input);
    if (payload === undefined) {
      await this.#alterOne(id, { kind: 'redrive', ...whoOf(change) });
    } else {
      requireFeature(this.#store, 'redrive', 'Another payload');
      const code = 'QUEUE_INPUT_INVALID';
      const text = encoded(payload, 'input.payload', code, MAX_PAYLOAD_BYTES);
      await this.#alterOne(id, { kind: 'redrive', payload: text, ...whoOf(change) });
    }
    return this.get(id);
  }

  async redriveMany(input: RedriveManyInput): Promise<Changed> {
    const { filter, limit, everyMs, ...change } = parse(redriveManySchema, input);
    if (everyMs > 0) requireFeature(this.#store, 'redrive', 'Spreading in time');
    const spread = everyMs > 0 ? { everyMs } : {};
    const dead: TaskFilter = { ...toFilter(this.#store, filter), states: ['dead'] };
    return this.#alter(dead, { kind: 'redrive', ...spread, ...whoOf(change) }, limit);
  }

  async cancel(id: string, input: CancelInput): Promise<void> {
    const { running, ...change } = parse(cancelSchema, input);
    await this.#alterOne(id, { ...this.#cancel(running), ...whoOf(change) });
  }

  async cancelMany(input: CancelManyInput): Promise<Changed> {
    const { filter, limit, running, ...change } = parse(cancelManySchema, input);
    const alteration = { ...this.#cancel(running), ...whoOf(change) };
    return this.#alter(toFilter(this.#store, filter), alteration, limit);
  }

  #cancel(running: boolean): Alteration {
    if (!running) return { kind: 'cancel' };
    requireFeature(this.#store, 'cancel', 'Cancelling what runs');
    return { kind: 'cancel', running: true };
  }

  async remove(id: string, change: Change): Promise<void> {
    await this.#alterOne(id, { kind: 'remove', ...whoOf(parse(changeSchema, change)) });
  }

  async purge(input: BulkInput): Promise<Changed> {
    const { filter, limit, ...change } = parse(bulkSchema, input);
    const dead: TaskFilter = { ...toFilter(this.#store, filter), states: ['dead'] };
    return this.#alter(dead, { kind: 'clean', ...whoOf(change) }, limit);
  }

  async clean(input: CleanInput): Promise<Changed> {
    const { filter, limit, ...change } = parse(cleanSchema, input);
    const { states = ['completed', 'dead', 'cancelled'], ...rest } = filter;
    const finished: TaskFilter = { ...toFilter(this.#store, rest), states };
    return this.#alter(finished, { kind: 'clean', ...whoOf(change) }, limit);
  }

  async promoteMany(input: BulkInput): Promise<Changed> {
    const { filter, limit, ...change } = parse(bulkSchema, input);
    return this.#editMany(filter, { kind: 'promote', ...whoOf(change) }, limit);
  }

  async reprioritiseMany(input: ReprioritiseManyInput): Promise<Changed> {
    const { filter, limit, priority, ...change } = parse(reprioritiseManySchema, input);
    return this.#editMany(filter, { kind: 'reprioritise', priority, ...whoOf(change) }, limit);
  }

  async moveMany(input: MoveManyInput): Promise<Changed> {
    const { filter, limit, to, ...change } = parse(moveManySchema, input);
    requireFeature(this.#store, 'move', 'Moving tasks');
    return this.#editMany(filter, { kind: 'move', queue: to, ...whoOf(change) }, limit);
  }

  async reprioritise(id: string, priority: number, change: Change): Promise<TaskInfo> {
    const edit: Edit = { kind: 'reprioritise', priority: parse(prioritySchema, priority) };
    return this.edit(id, edit, change);
  }

  async move(id: string, queue: string, change: Change): Promise<TaskInfo> {
    requireFeature(this.#store, 'move', 'Moving a task');
    return this.edit(id, { kind: 'move', queue: textOption('queue', queue) }, change);
  }

  async edit(id: string, edit: Edit, change: Change): Promise<TaskInfo> {
    requireFeature(this.#store, 'edits', 'Editing a task');
    const filter = { ids: [textOption('id', id)] };
    const who = whoOf(parse(changeSchema, change));
    const changed = (await this.#store.edit?.(filter, { ...edit, ...who }, 1)) ?? [];
    if (changed.length === 0 && (await this.#isAsAsked(id, edit))) return this.get(id);
    await this.#tell(id, edit.kind, changed, who);
    return this.get(id);
  }

  /**
   * An edit that changed nothing may have been one that the range of a queue does not allow, or asked for the priority
   * that the task has: whether it did.
   */
  async #isAsAsked(id: string, edit: Edit): Promise<boolean> {
    if (edit.kind === 'promote') return false;
    const task = await this.get(id);
    const [queue, priority] =
      edit.kind === 'move' ? [edit.queue, task.priority] : [task.queue, edit.priority];
    const range = (await this.#store.stats([queue]))[0]?.limits?.priorities ?? null;
    if (range !== null && nearestPriority(range, priority) !== priority)
      throw priorityRefused(range, priority);
    const waits = task.state === 'ready' || task.state === 'scheduled';
    return edit.kind === 'reprioritise' && waits && task.priority === priority;
  }

  async #alterOne(id: string, change: Alteration): Promise<void> {
    const filter = { ids: [textOption('id', id)] };
    const changed = await this.#store.alter(filter, change, 1);
    await this.#tell(id, change.kind, changed, whoOf(change));
  }

  /** Logs a change of one task, or says why there was none. */
  async #tell(id: string, kind: string, changed: readonly string[], who: Change): Promise<void> {
    if (changed.length === 0) {
      const { state, idempotencyKey } = await this.get(id);
      const keyed = kind === 'redrive' && state === 'dead' && idempotencyKey !== null;
      const why = keyed ? 'another task has its idempotency key' : `it is ${state}`;
      throw new QueueError('QUEUE_TASK_CONFLICT', `Cannot ${kind} task ${id}: ${why}`, {
        details: { id, state },
      });
    }
    this.#logger.info({ module: 'queue', task_id: id, kind, ...who }, 'task changed');
  }

  async #alter(filter: TaskFilter, change: Alteration, limit: number): Promise<Changed> {
    return this.#tellMany(filter, change, await this.#store.alter(filter, change, limit));
  }

  async #editMany(filter: TaskFilterInput, edit: Edit, limit: number): Promise<Changed> {
    requireFeature(this.#store, 'edits', 'Editing tasks');
    const which = toFilter(this.#store, filter);
    return this.#tellMany(which, edit, (await this.#store.edit?.(which, edit, limit)) ?? []);
  }

  #tellMany(filter: TaskFilter, change: Alteration | Edit, ids: readonly string[]): Changed {
    const changed = ids.length;
    const fields = { module: 'queue', queue: filter.queue, kind: change.kind, changed };
    this.#logger.info({ ...fields, ...whoOf(change) }, 'tasks changed');
    return { changed };
  }
}
