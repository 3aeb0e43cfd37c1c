import type { z } from 'zod';
import type {
  BulkInput,
  Change,
  Changed,
  ListTasksInput,
  QueueInfo,
  TaskCounts,
  TaskFilterInput,
  TaskInfo,
  TaskPage,
} from './admin-data.js';
import { QueueError, type QueueIssue } from './errors.js';
import { type Logger, silentLogger } from './logger.js';
import { invalid, invalidOption, knownOptions, shown, textOption } from './options.js';
import { bulkSchema, changeSchema, listTasksSchema } from './schemas.js';
import type { Alteration, QueueStats, QueueStore, TaskFilter } from './store.js';
import { decodeCursor, encodeCursor, toTaskInfo } from './task-info.js';

/** Options of {@link QueueAdmin}. */
export interface QueueAdminOptions {
  /** The store that the queues use. */
  store: Omit<QueueStore, 'enqueue'>;
  /** Every change is logged. @defaultValue silent */
  logger?: Logger;
}

/** Looks at queues and changes what is in them: plain data in, plain data out, fit for REST. */
export class QueueAdmin {
  readonly #store: Omit<QueueStore, 'enqueue'>;
  readonly #logger: Logger;

  constructor(options: QueueAdminOptions) {
    knownOptions('options', options, ['store', 'logger']);
    if (typeof options?.store?.find !== 'function') {
      throw invalidOption('options.store', 'a store', options?.store);
    }
    this.#store = options.store;
    this.#logger = options.logger ?? silentLogger;
  }

  /** Every queue that has a task or a setting, by name. */
  async queues(): Promise<{ items: QueueInfo[] }> {
    return { items: (await this.#store.stats()).map(toQueueInfo) };
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
    const { filter, sort, limit, cursor } = parse(listTasksSchema, input);
    const after = cursor ? decodeCursor(cursor) : undefined;
    const page = { order: sort, limit: limit + 1, ...(after === undefined ? {} : { after }) };
    const records = await this.#store.find(toFilter(filter), page);
    const items = records.slice(0, limit).map(toTaskInfo);
    const last = items.at(-1);
    return { items, nextCursor: records.length > limit && last ? encodeCursor(last.id) : null };
  }

  /** @throws QueueError `QUEUE_TASK_NOT_FOUND` */
  async get(id: string): Promise<TaskInfo> {
    const [record] = await this.#store.find(
      { ids: [textOption('id', id)] },
      { order: 'oldest', limit: 1 },
    );
    if (record === undefined)
      throw new QueueError('QUEUE_TASK_NOT_FOUND', `There is no task ${shown(id)}`);
    return toTaskInfo(record);
  }

  /**
   * Gives a dead letter all its attempts again; it keeps its id and its history.
   * @throws QueueError `QUEUE_TASK_NOT_FOUND`, or `QUEUE_TASK_CONFLICT` when it is not dead (any more)
   */
  async redrive(id: string, change: Change = {}): Promise<TaskInfo> {
    await this.#alterOne(id, 'redrive', change);
    return this.get(id);
  }

  /** Redrives dead letters, oldest first. */
  async redriveMany(input: BulkInput = {}): Promise<Changed> {
    return this.#alterDead('redrive', input);
  }

  /**
   * Ends a task that is ready or scheduled.
   * @throws QueueError `QUEUE_TASK_NOT_FOUND`, or `QUEUE_TASK_CONFLICT` when it runs or is finished
   */
  async cancel(id: string, change: Change = {}): Promise<void> {
    await this.#alterOne(id, 'cancel', change);
  }

  /**
   * Deletes a task that does not run, with its idempotency key.
   * @throws QueueError `QUEUE_TASK_NOT_FOUND`, or `QUEUE_TASK_CONFLICT` when it runs
   */
  async remove(id: string, change: Change = {}): Promise<void> {
    await this.#alterOne(id, 'remove', change);
  }

  /** Deletes dead letters, oldest first. */
  async purge(input: BulkInput = {}): Promise<Changed> {
    return this.#alterDead('remove', input);
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
    const who = toChange(parse(changeSchema, change));
    await this.#store.control(queue, { paused, ...who });
    this.#logger.info(
      { module: 'queue', queue, ...who },
      paused ? 'queue paused' : 'queue resumed',
    );
    return this.queue(queue);
  }

  async #alterOne(id: string, kind: Alteration['kind'], change: Change): Promise<void> {
    const filter = { ids: [textOption('id', id)] };
    const who = toChange(parse(changeSchema, change));
    const changed = await this.#store.alter(filter, { kind, ...who }, 1);
    if (changed.length === 0) {
      const { state } = await this.get(id);
      throw new QueueError('QUEUE_TASK_CONFLICT', `Cannot ${kind} task ${id}: it is ${state}`, {
        details: { id, state },
      });
    }
    this.#logger.info({ module: 'queue', task_id: id, kind, ...who }, 'task changed');
  }

  async #alterDead(kind: 'redrive' | 'remove', input: BulkInput): Promise<Changed> {
    const { filter, limit, ...change } = parse(bulkSchema, input);
    const who = toChange(change);
    const dead: TaskFilter = { ...toFilter(filter), states: ['dead'] };
    const changed = (await this.#store.alter(dead, { kind, ...who }, limit)).length;
    this.#logger.info(
      { module: 'queue', queue: filter.queue, kind, changed, ...who },
      'dead letters changed',
    );
    return { changed };
  }
}

function parse<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const issues: QueueIssue[] = parsed.error.issues.map((issue) => ({
    path: ['input', ...issue.path.map(String)].join('.'),
    rule: `valid (${issue.message})`,
    received: shown(issue.path.reduce<unknown>((value, key) => Object(value)[key], input)),
  }));
  throw invalid('QUEUE_INPUT_INVALID', issues);
}

/** Without the properties that are absent: an exact optional property is not one that is undefined. */
function toFilter({ queue, states, name, ids }: TaskFilterInput): TaskFilter {
  return {
    ...(queue === undefined ? {} : { queue }),
    ...(states === undefined ? {} : { states }),
    ...(name === undefined ? {} : { name }),
    ...(ids === undefined ? {} : { ids }),
  };
}

function toChange({ by, reason }: Change): Pick<Alteration, 'by' | 'reason'> {
  return { ...(by === undefined ? {} : { by }), ...(reason === undefined ? {} : { reason }) };
}

function toQueueInfo(stats: QueueStats): QueueInfo {
  const { queue, paused, pausedReason, pausedBy, counts, oldestReadyAt, now } = stats;
  const oldestReadyAgeSeconds =
    oldestReadyAt === null ? null : Math.max(0, now - oldestReadyAt) / 1000;
  return { queue, paused, pausedReason, pausedBy, counts: { ...counts }, oldestReadyAgeSeconds };
}
