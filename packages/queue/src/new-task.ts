import type { Duration } from './duration.js';
import {
  durationOption,
  integerOption,
  invalidOption,
  isStorable,
  knownOptions,
  numberOption,
  readable,
  textOption,
} from './options.js';
import { checked, encoded } from './payload.js';
import type { ResolvedRetryPolicy } from './retry.js';
import type { NewTask, TaskGroup, TaskKey, When } from './store.js';
import { type AnyTaskDefinition, requireTask } from './task.js';
import { uuidv7 } from './uuid.js';

/** The group of a task: tasks of a group share its limits and its part of the queue. */
export interface GroupOptions {
  /** Such as a tenant's id; at most 200 characters. */
  key: string;
  /**
   * Its part of the queue beside the other groups, 0.001 to 1000.
   * @defaultValue that of the queue's limits, or 1
   */
  weight?: number;
  /**
   * One task of the group at a time and in order, a task that waits for its retry holding back the others. After one
   * that failed for good the group goes on (`skip`), or stands still until that one is redriven or removed (`block`).
   * @defaultValue not strict
   */
  strict?: 'skip' | 'block';
}

/** How a task is enqueued, apart from when. */
export interface TaskPlacement {
  /**
   * From −32768 to 32767; the largest first, equal ones by fair share and in the order they came.
   * @defaultValue 0
   */
  priority?: number;
  /**
   * A group: its key, or more about it. Groups share the queue fairly; tasks without one go before the shares.
   * @defaultValue none
   */
  group?: string | GroupOptions;
  /**
   * Text that travels with the task and is given to its handler. `traceparent`, `tracestate` and `baggage` are set by
   * the OpenTelemetry propagator unless given here.
   */
  headers?: Readonly<Record<string, string>>;
}

/** How a task is enqueued. */
export interface NewTaskOptions extends TaskPlacement {
  /**
   * Not before this long from now, by the store's clock. Not together with `runAt`.
   * @defaultValue 0
   */
  delay?: Duration;
  /** Not before this time, by the store's clock. */
  runAt?: Date;
  /**
   * Among the live tasks of the queue, and for `idempotencyWindow` after the enqueue, only one task has this key.
   * What another enqueue with it does is said by `onDuplicate`.
   */
  idempotencyKey?: string;
  /**
   * How long the key is held beside the life of its task: `live` not at all, `forever` a hundred years.
   * @defaultValue `'1d'`
   */
  idempotencyWindow?: Duration | 'live' | 'forever';
  /**
   * What happens when another task holds the key and was not claimed yet. `ignore`: nothing. `replace`: it gets this
   * payload, name, priority and time, so that a delay begins again (debounce). `merge`: this payload is added to its,
   * list to list or object over object, and it runs when it would have (batching). Otherwise the outcome is `duplicate`.
   * @defaultValue `'ignore'`
   */
  onDuplicate?: 'ignore' | 'replace' | 'merge';
  /**
   * Frees the key when its task is dead or cancelled, so that the next enqueue is a new task.
   * @defaultValue false
   */
  freeKeyOnFailure?: boolean;
}

const PLACEMENT_NAMES = ['priority', 'group', 'headers'];
const OPTION_NAMES = [
  ...PLACEMENT_NAMES,
  'delay',
  'runAt',
  'idempotencyKey',
  'idempotencyWindow',
  'onDuplicate',
  'freeKeyOnFailure',
];
const KEY_OPTIONS = ['idempotencyWindow', 'onDuplicate', 'freeKeyOnFailure'] as const;
const MAX_HEADERS_BYTES = 16_384;
const FOREVER_MS = 100 * 365 * 86_400_000;

/** What a queue adds to each of its tasks. */
export interface QueueSettings {
  readonly queue: string;
  readonly retry: ResolvedRetryPolicy;
  readonly maxPayloadBytes: number;
  readonly keep: { readonly completedMs: number; readonly deadMs: number };
}

/** A task as it is asked for. */
export interface TaskItem extends NewTaskOptions {
  readonly task: AnyTaskDefinition;
  readonly payload: unknown;
}

/** What of a task does not depend on when it runs. */
export type TaskTemplate = Omit<NewTask, 'id' | 'queue' | 'when' | 'key' | 'waitFor'>;

/** Checks everything about a task that is to be enqueued. `prefix` leads to it in error paths, in a list. */
export async function toNewTask(
  item: TaskItem,
  prefix: string | undefined,
  settings: QueueSettings,
  carrier: Readonly<Record<string, string>>,
): Promise<NewTask> {
  const option = prefix ?? 'options.';
  if (typeof item !== 'object' || item === null || Array.isArray(item)) {
    throw invalidOption(option.slice(0, -1), 'an object with a task and its payload', item);
  }
  const { task, payload, ...options } = readable(option.slice(0, -1), () => ({ ...item }));
  requireTask(`${prefix ?? ''}task`, task);
  knownOptions(option.slice(0, -1), options, OPTION_NAMES);
  const { priority, group, headers } = options;
  const placement = {
    ...(priority === undefined ? {} : { priority }),
    ...(group === undefined ? {} : { group }),
    ...(headers === undefined ? {} : { headers }),
  };
  const template = await toTemplate(
    { task, payload, placement },
    prefix ?? '',
    option,
    settings,
    carrier,
  );
  return {
    ...template,
    id: uuidv7(),
    queue: settings.queue,
    when: whenOf(options, option),
    key: keyOf(options, option, settings),
  };
}

/** Checks what of a task does not depend on when it runs. */
export async function toTemplate(
  item: { task: AnyTaskDefinition; payload: unknown; placement: TaskPlacement },
  prefix: string,
  option: string,
  settings: QueueSettings,
  carrier: Readonly<Record<string, string>>,
): Promise<TaskTemplate> {
  const { task, payload, placement } = item;
  requireTask(`${prefix}task`, task);
  const path = `${prefix}payload`;
  const text = encoded(payload, path, 'QUEUE_PAYLOAD_INVALID', settings.maxPayloadBytes);
  // The JSON form is checked, not the object: it is what the handler's side will see.
  if (task.payload !== undefined) {
    await checked(task.payload, JSON.parse(text), path, 'QUEUE_PAYLOAD_INVALID');
  }
  const template = {
    name: task.name,
    payload: text,
    headers: headersOf(placement.headers, `${option}headers`, carrier),
    priority: integerOption(`${option}priority`, placement.priority, 0, [-32_768, 32_767]),
    maxAttempts: task.retryOver(settings.retry).attempts,
    keepCompletedMs: settings.keep.completedMs,
    keepDeadMs: settings.keep.deadMs,
  };
  if (placement.group === undefined) return template;
  return { ...template, group: groupOf(placement.group, `${option}group`) };
}

function whenOf({ delay, runAt }: NewTaskOptions, option: string): When {
  if (runAt === undefined) return { delayMs: durationOption(`${option}delay`, delay, 0) };
  if (delay !== undefined)
    throw invalidOption(`${option}delay`, 'absent where runAt is given', delay);
  const atMs = runAt instanceof Date ? runAt.getTime() : Number.NaN;
  if (!(atMs >= 0)) throw invalidOption(`${option}runAt`, 'a valid date since 1970', runAt);
  return { atMs };
}

function keyOf(
  options: NewTaskOptions,
  option: string,
  { maxPayloadBytes }: QueueSettings,
): TaskKey | undefined {
  const { idempotencyKey, idempotencyWindow, onDuplicate, freeKeyOnFailure } = options;
  if (idempotencyKey === undefined) {
    for (const name of KEY_OPTIONS) {
      if (options[name] === undefined) continue;
      throw invalidOption(`${option}${name}`, 'absent without idempotencyKey', options[name]);
    }
    return undefined;
  }
  const modes = ['ignore', 'replace', 'merge'];
  if (onDuplicate !== undefined && !modes.includes(onDuplicate)) {
    throw invalidOption(`${option}onDuplicate`, `one of ${modes.join(', ')}`, onDuplicate);
  }
  if (freeKeyOnFailure !== undefined && typeof freeKeyOnFailure !== 'boolean') {
    throw invalidOption(`${option}freeKeyOnFailure`, 'true or false', freeKeyOnFailure);
  }
  return {
    value: textOption(`${option}idempotencyKey`, idempotencyKey, 500),
    ttlMs: windowOf(idempotencyWindow, `${option}idempotencyWindow`),
    ...(onDuplicate === undefined || onDuplicate === 'ignore' ? {} : { mode: onDuplicate }),
    ...(onDuplicate === 'merge' ? { maxMergedChars: maxPayloadBytes } : {}),
    ...(freeKeyOnFailure === true ? { freeOnFailure: true } : {}),
  };
}

function windowOf(window: NewTaskOptions['idempotencyWindow'], path: string): number {
  if (window === 'live') return 0;
  return window === 'forever' ? FOREVER_MS : durationOption(path, window, 86_400_000);
}

function groupOf(group: string | GroupOptions, path: string): TaskGroup {
  if (typeof group === 'string') return { key: textOption(path, group) };
  knownOptions(path, group, ['key', 'weight', 'strict']);
  const { key, weight, strict } = group;
  if (strict !== undefined && strict !== 'skip' && strict !== 'block') {
    throw invalidOption(`${path}.strict`, "'skip' or 'block'", strict);
  }
  return {
    key: textOption(`${path}.key`, key),
    ...(weight === undefined
      ? {}
      : { weight: numberOption(`${path}.weight`, weight, 1, [0.001, 1_000]) }),
    ...(strict === undefined ? {} : { strict }),
  };
}

function headersOf(
  given: Readonly<Record<string, string>> | undefined,
  path: string,
  carrier: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  if (given === undefined) return carrier;
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw invalidOption(path, 'an object of texts', given);
  }
  let bytes = 0;
  for (const [name, value] of readable(path, () => Object.entries(given))) {
    if (typeof value !== 'string') throw invalidOption(`${path}.${name}`, 'a text', value);
    if (!isStorable(value) || !isStorable(name)) {
      const rule = 'without NUL or half a surrogate pair, name and text';
      throw invalidOption(`${path}.${name}`, rule, value);
    }
    bytes += name.length + value.length;
  }
  if (bytes > MAX_HEADERS_BYTES) {
    throw invalidOption(path, `at most ${MAX_HEADERS_BYTES} characters altogether`, bytes);
  }
  // Own properties of a null-prototype object: a header called __proto__ is a header like any other.
  return Object.assign(Object.create(null), carrier, given);
}
