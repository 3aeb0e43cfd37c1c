import { readActivity, readEvents } from './admin/activity.js';
import type { Activity, ActivityInput, EventList, EventsInput } from './admin/activity-data.js';
import { toLimitsPatch } from './admin/limits.js';
import type { LimitsInput } from './admin/limits-data.js';
import { parse } from './admin/parse.js';
import type { ListSchedulesInput, ScheduleInfo, ScheduleList } from './admin/schedule-data.js';
import { changeSchedule, getSchedule, listSchedules, triggerSchedule } from './admin/schedules.js';
import { type AdminStore, AdminTasks } from './admin/tasks.js';
import { toQueueInfo } from './admin/translate.js';
import type {
  BulkInput,
  CancelInput,
  CancelManyInput,
  Change,
  Changed,
  CleanInput,
  ListQueuesInput,
  ListTasksInput,
  MoveManyInput,
  QueueInfo,
  QueueList,
  RedriveInput,
  RedriveManyInput,
  ReprioritiseManyInput,
  TaskCounts,
  TaskInfo,
  TaskPage,
} from './admin-data.js';
import { QueueError } from './errors.js';
import { requireFeature } from './features.js';
import { type Logger, silentLogger } from './logger.js';
import { hasFunctions, invalidOption, knownOptions, loggerOption, textOption } from './options.js';
import { changeSchema, limitsInputSchema, listQueuesSchema } from './schemas.js';
import type { EnqueueOutcome } from './store.js';
import { decodeNames, encodeNames } from './task-info.js';
import { whoOf } from './who.js';

/** Options of {@link QueueAdmin}. */
export interface QueueAdminOptions {
  /** The store that the queues use. */
  store: AdminStore;
  /** Every change is logged. @defaultValue silent */
  logger?: Logger;
}

/** Looks at queues and changes what is in them: plain data in, plain data out, fit for REST. */
export class QueueAdmin {
  readonly #store: AdminStore;
  readonly #logger: Logger;
  readonly #tasks: AdminTasks;

  constructor(options: QueueAdminOptions) {
    knownOptions('options', options, ['store', 'logger']);
    if (!hasFunctions(options?.store, ['find', 'alter', 'stats'])) {
      throw invalidOption('options.store', 'a store', options?.store);
    }
    this.#store = options.store;
    this.#logger = loggerOption('options.logger', options.logger, silentLogger);
    this.#tasks = new AdminTasks(this.#store, this.#logger);
  }

  /**
   * Queues that have a task or a setting, by name.
   * @throws QueueError `QUEUE_INPUT_INVALID`, `QUEUE_OPTION_INVALID` for a cursor that is none
   */
  async queues(input: ListQueuesInput = {}): Promise<QueueList> {
    const { limit, cursor } = parse(listQueuesSchema, input);
    const [after] = cursor ? decodeNames(cursor, 1) : [];
    const page = { limit: limit + 1, ...(after === undefined ? {} : { after }) };
    const stats = await this.#store.stats(page);
    const items = stats.slice(0, limit).map(toQueueInfo);
    const last = items.at(-1);
    return { items, nextCursor: stats.length > limit && last ? encodeNames(last.queue) : null };
  }

  /** One queue; a name never used is an empty queue. */
  async queue(name: string): Promise<QueueInfo> {
    const [stats] = await this.#store.stats([textOption('queue', name)]);
    if (stats === undefined)
      throw new QueueError('QUEUE_STORE_UNAVAILABLE', 'The store gave no counts');
    return toQueueInfo(stats);
  }

  /** Tasks of a queue by state. */
  async counts(name: string): Promise<TaskCounts> {
    return (await this.queue(name)).counts;
  }

  /**
   * Tasks in the order of their ids, which is that of their enqueueing.
   * @throws QueueError `QUEUE_INPUT_INVALID`
   */
  async list(input: ListTasksInput = {}): Promise<TaskPage> {
    return this.#tasks.list(input);
  }

  /** @throws QueueError `QUEUE_TASK_NOT_FOUND` */
  async get(id: string): Promise<TaskInfo> {
    return this.#tasks.get(id);
  }

  /** The tasks that a task waits or waited for. */
  async children(id: string, input: Omit<ListTasksInput, 'filter'> = {}): Promise<TaskPage> {
    return this.#tasks.children(id, input);
  }

  /**
   * Gives a dead letter all its attempts again, with another payload if wanted; it keeps its id and its history.
   * @throws QueueError `QUEUE_TASK_NOT_FOUND`, or `QUEUE_TASK_CONFLICT` when it is not dead (any more), or another
   * task has taken over its idempotency key
   */
  async redrive(id: string, input: RedriveInput = {}): Promise<TaskInfo> {
    return this.#tasks.redrive(id, input);
  }

  /** Redrives dead letters, oldest first, one every `everyMs` if wanted; not those whose key was taken over. */
  async redriveMany(input: RedriveManyInput = {}): Promise<Changed> {
    return this.#tasks.redriveMany(input);
  }

  /**
   * Ends a task that waits or, with `running`, one that runs.
   * @throws QueueError `QUEUE_TASK_NOT_FOUND`, or `QUEUE_TASK_CONFLICT` when it runs or is finished
   */
  async cancel(id: string, input: CancelInput = {}): Promise<void> {
    return this.#tasks.cancel(id, input);
  }

  /** Ends tasks that wait and, with `running`, those that run: empties a queue. Oldest first. */
  async cancelMany(input: CancelManyInput = {}): Promise<Changed> {
    return this.#tasks.cancelMany(input);
  }

  /**
   * Deletes a task that does not run, with its idempotency key.
   * @throws QueueError `QUEUE_TASK_NOT_FOUND`, or `QUEUE_TASK_CONFLICT` when it runs
   */
  async remove(id: string, change: Change = {}): Promise<void> {
    await this.#tasks.remove(id, change);
  }

  /** Deletes dead letters, oldest first. One event of each queue tells of them, `queue.cleaned`. */
  async purge(input: BulkInput = {}): Promise<Changed> {
    return this.#tasks.purge(input);
  }

  /** Deletes finished tasks, of the states given or of all, oldest first. Told of as by {@link QueueAdmin.purge}. */
  async clean(input: CleanInput = {}): Promise<Changed> {
    return this.#tasks.clean(input);
  }

  /**
   * Makes a scheduled task due now.
   * @throws QueueError `QUEUE_TASK_NOT_FOUND`, `QUEUE_TASK_CONFLICT` when it does not wait for its time, `QUEUE_UNSUPPORTED`
   */
  async promote(id: string, change: Change = {}): Promise<TaskInfo> {
    return this.#tasks.edit(id, { kind: 'promote' }, change);
  }

  /** Makes scheduled tasks due now that are not blocked, oldest first. @throws QueueError `QUEUE_UNSUPPORTED` */
  async promoteMany(input: BulkInput = {}): Promise<Changed> {
    return this.#tasks.promoteMany(input);
  }

  /**
   * Gives a waiting task another priority, −32768 to 32767 or within the range of its queue.
   * @throws QueueError `QUEUE_TASK_NOT_FOUND`, `QUEUE_TASK_CONFLICT` when it does not wait, `QUEUE_PRIORITY_INVALID`,
   * `QUEUE_UNSUPPORTED`
   */
  async reprioritise(id: string, priority: number, change: Change = {}): Promise<TaskInfo> {
    return this.#tasks.reprioritise(id, priority, change);
  }

  /**
   * Gives waiting tasks another priority, oldest first. Those that have it, and those whose queue does not take it, are
   * left alone.
   * @throws QueueError `QUEUE_UNSUPPORTED`
   */
  async reprioritiseMany(input: ReprioritiseManyInput): Promise<Changed> {
    return this.#tasks.reprioritiseMany(input);
  }

  /**
   * Takes a ready, scheduled or dead task to another queue.
   * @throws QueueError `QUEUE_TASK_NOT_FOUND`, `QUEUE_TASK_CONFLICT` when it runs, is of a flow, or its key is taken
   * there, `QUEUE_PRIORITY_INVALID` when that queue does not take its priority, `QUEUE_UNSUPPORTED`
   */
  async move(id: string, queue: string, change: Change = {}): Promise<TaskInfo> {
    return this.#tasks.move(id, queue, change);
  }

  /**
   * Takes ready, scheduled and dead tasks to another queue, oldest first. Left alone are those that {@link QueueAdmin.move}
   * would refuse.
   * @throws QueueError `QUEUE_UNSUPPORTED`
   */
  async moveMany(input: MoveManyInput): Promise<Changed> {
    return this.#tasks.moveMany(input);
  }

  /**
   * Sets limits of a queue and its groups, and which priorities it takes, in all processes; what is absent stays, null
   * takes a limit away.
   */
  async setLimits(name: string, input: LimitsInput): Promise<QueueInfo> {
    const queue = textOption('queue', name);
    const limits = parse(limitsInputSchema, input);
    requireFeature(this.#store, 'limits', 'A limit');
    const ofGroups = limits.groupDefaults !== undefined || limits.groups !== undefined;
    if (ofGroups) requireFeature(this.#store, 'groups', 'A limit of groups');
    await this.#store.control(queue, toLimitsPatch(limits));
    const { by: _, reason: __, ...set } = limits;
    this.#logger.info({ module: 'queue', queue, limits: set, ...whoOf(limits) }, 'limits changed');
    return this.queue(queue);
  }

  /** @throws QueueError `QUEUE_SCHEDULE_NOT_FOUND` */
  async schedule(queue: string, id: string): Promise<ScheduleInfo> {
    return getSchedule(this.#store, queue, id);
  }

  /**
   * Schedules, of one queue or all, by queue and id.
   * @throws QueueError `QUEUE_INPUT_INVALID`, `QUEUE_OPTION_INVALID` for a cursor that is none
   */
  async schedules(input: ListSchedulesInput = {}): Promise<ScheduleList> {
    return listSchedules(this.#store, input);
  }

  /** @throws QueueError `QUEUE_SCHEDULE_NOT_FOUND` */
  async pauseSchedule(queue: string, id: string, change: Change = {}): Promise<ScheduleInfo> {
    return this.#changeSchedule('pause', queue, id, change);
  }

  /** Goes on with the next run from now. @throws QueueError `QUEUE_SCHEDULE_NOT_FOUND` */
  async resumeSchedule(queue: string, id: string, change: Change = {}): Promise<ScheduleInfo> {
    return this.#changeSchedule('resume', queue, id, change);
  }

  /** @throws QueueError `QUEUE_SCHEDULE_NOT_FOUND` */
  async removeSchedule(queue: string, id: string, change: Change = {}): Promise<ScheduleInfo> {
    return this.#changeSchedule('remove', queue, id, change);
  }

  /**
   * Enqueues the task of a schedule now, beside its runs; `duplicate` where it does not overlap and one is live. Who did
   * it and why are the headers `triggered-by` and `trigger-reason` of the task.
   * @throws QueueError `QUEUE_SCHEDULE_NOT_FOUND`
   */
  async triggerSchedule(queue: string, id: string, change: Change = {}): Promise<EnqueueOutcome> {
    const who = whoOf(parse(changeSchema, change));
    const outcome = await triggerSchedule(this.#store, queue, id, who);
    const fields = { module: 'queue', queue, schedule: id, task_id: outcome.id, kind: 'trigger' };
    this.#logger.info({ ...fields, ...who }, 'schedule triggered');
    return outcome;
  }

  /** What happened in all processes, in order: go on with the cursor. */
  async events(input: EventsInput = {}): Promise<EventList> {
    return readEvents(this.#store, input);
  }

  /** Throughput and latency of a queue by the minute. */
  async activity(queue: string, input: ActivityInput = {}): Promise<Activity> {
    return readActivity(this.#store, textOption('queue', queue), input);
  }

  /** Stops claims from a queue at once, in all processes; running tasks go on and are settled. */
  async pause(queue: string, change: Change = {}): Promise<QueueInfo> {
    return this.#setPaused(queue, true, change);
  }

  /** Undoes {@link QueueAdmin.pause}. */
  async resume(queue: string, change: Change = {}): Promise<QueueInfo> {
    return this.#setPaused(queue, false, change);
  }

  async #setPaused(name: string, paused: boolean, change: Change): Promise<QueueInfo> {
    const queue = textOption('queue', name);
    const who = whoOf(parse(changeSchema, change));
    await this.#store.control(queue, { paused, ...who });
    this.#logger.info(
      { module: 'queue', queue, ...who },
      paused ? 'queue paused' : 'queue resumed',
    );
    return this.queue(queue);
  }

  async #changeSchedule(
    kind: 'pause' | 'resume' | 'remove',
    queue: string,
    id: string,
    change: Change,
  ): Promise<ScheduleInfo> {
    const who = whoOf(parse(changeSchema, change));
    const changed = await changeSchedule(this.#store, { kind, queue, id, ...who });
    this.#logger.info({ module: 'queue', queue, schedule: id, kind, ...who }, 'schedule changed');
    return changed;
  }
}
