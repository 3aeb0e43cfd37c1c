import type { Duration } from './duration.js';
import {
  DATE_RULE,
  dateMs,
  durationOption,
  integerOption,
  invalidOption,
  isStorable,
  knownOptions,
  numberOption,
  readable,
  textOption,
} from './options.js';
import { check, encoded } from './payload.js';
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
   * From −32768 to 32767, or within the range that the queue was given (`QueueAdmin.setLimits`); the largest first,
   * equal ones by fair share and in the order they came.
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
   * How long the key is held beside the life of its task: `live` not at all, `forever` a hundred years. `waiting`: only
   * until its task first starts (or ends without that), so that what comes meanwhile makes one task more, never two.
   * @defaultValue `'1d'`
   */
  idempotencyWindow?: Duration | 'waiting' | 'live' | 'forever';
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

const OPTION_NAMES: readonly string[] = [
  'priority',
  'group',
  'headers',
  'delay',
  'runAt',
  'idempotencyKey',
  'idempotencyWindow',
  'onDuplicate',
  'freeKeyOnFailure',
];
const ITEM_NAMES: ReadonlySet<string> = new Set(['task', 'payload', ...OPTION_NAMES]);
const KEY_OPTIONS = ['idempotencyWindow', 'onDuplicate', 'freeKeyOnFailure'] as const;
const MAX_HEADERS_BYTES = 16_384;
const FOREVER_MS = 100 * 365 * 86_400_000;

const NOW: When = Object.freeze({ delayMs: 0 });

/** What a queue adds to each of its tasks. */
export interface QueueSettings {
  readonly queue: string;
  /** Attempts of a task altogether. */
  readonly attemptsOf: (task: AnyTaskDefinition) => number;
  readonly maxPayloadBytes: number;
  readonly keep: { readonly completedMs: number; readonly deadMs: number };
}

/** {@link QueueSettings.attemptsOf} over the policy of a queue. Mostly it is asked for the same definition again. */
export function attemptsOver(retry: ResolvedRetryPolicy): QueueSettings['attemptsOf'] {
  let last: AnyTaskDefinition | undefined;
  let attempts = 0;
  return (task) => {
    if (task !== last) {
      attempts = task.retryOver(retry).attempts;
      last = task;
    }
    return attempts;
  };
}

/** A task as it is asked for. */
export interface TaskItem extends NewTaskOptions {
  readonly task: AnyTaskDefinition;
  readonly payload: unknown;
}

/** What of a task does not depend on when it runs. */
export type TaskTemplate = Omit<NewTask, 'id' | 'queue' | 'when' | 'key' | 'waitFor'>;

/** A task's place in a list, undefined where it stands by itself: for the paths of errors, made only for those. */
export type Place = number | undefined;

const taskPath = (place: Place): string => (place === undefined ? 'task' : `items[${place}].task`);
const payloadPath = (place: Place): string =>
  place === undefined ? 'payload' : `items[${place}].payload`;
const optionPath = (place: Place, name: string): string =>
  place === undefined ? `options.${name}` : `items[${place}].${name}`;

/**
 * Checks everything about a task that is to be enqueued. A promise only where a schema answers with one: they would
 * cost more than all the rest.
 */
export function toNewTask(
  item: TaskItem,
  place: Place,
  settings: QueueSettings,
  carrier: Readonly<Record<string, string>>,
): NewTask | Promise<NewTask> {
  const given = readItem(item, place);
  const text = textOf(given.task, given.payload, place, settings);
  if (text instanceof Promise) {
    return text.then((checked) => assembled(given, checked, place, settings, carrier));
  }
  return assembled(given, text, place, settings, carrier);
}

function assembled(
  item: TaskItem,
  payload: string,
  place: Place,
  settings: QueueSettings,
  carrier: Readonly<Record<string, string>>,
): NewTask {
  const { priority, group } = item;
  return {
    id: uuidv7(),
    queue: settings.queue,
    name: item.task.name,
    payload,
    headers: headersOf(item.headers, place, carrier),
    priority: priority === undefined ? 0 : priorityOf(priority, place),
    when: whenOf(item, place),
    maxAttempts: settings.attemptsOf(item.task),
    keepCompletedMs: settings.keep.completedMs,
    keepDeadMs: settings.keep.deadMs,
    key: namesKey(item) ? keyOf(item, place, settings) : undefined,
    group: group === undefined ? undefined : groupOf(group, optionPath(place, 'group')),
  };
}

/** What an item holds, each property read once. Refuses what is no item, and options that do not exist. */
function readItem(item: TaskItem, place: Place): TaskItem {
  const path = place === undefined ? 'options' : `items[${place}]`;
  if (typeof item !== 'object' || item === null || Array.isArray(item)) {
    throw invalidOption(path, 'an object with a task and its payload', item);
  }
  for (const name in item) {
    if (ITEM_NAMES.has(name) || !Object.hasOwn(item, name)) continue;
    const { task, payload: _, ...options } = readable(path, () => ({ ...item }));
    requireTask(taskPath(place), task);
    knownOptions(path, options, OPTION_NAMES);
  }
  return readable(path, () => ({ ...item }));
}

/** The JSON of a payload that fits its schema; a promise of it where the schema is asynchronous. */
function textOf(
  task: AnyTaskDefinition,
  payload: unknown,
  place: Place,
  { maxPayloadBytes }: QueueSettings,
): string | Promise<string> {
  if (typeof task?.retryOver !== 'function') requireTask(taskPath(place), task);
  const path = (): string => payloadPath(place);
  const text = encoded(payload, path, 'QUEUE_PAYLOAD_INVALID', maxPayloadBytes);
  if (task.payload === undefined) return text;
  // The JSON form is checked, not the object: it is what the handler's side will see.
  const checked = check(task.payload, JSON.parse(text), path, 'QUEUE_PAYLOAD_INVALID');
  return checked instanceof Promise ? checked.then(() => text) : text;
}

/** Checks what of a task does not depend on when it runs. */
export async function toTemplate(
  item: { task: AnyTaskDefinition; payload: unknown; placement: TaskPlacement },
  settings: QueueSettings,
): Promise<TaskTemplate> {
  const { task, payload, placement } = item;
  const text = await textOf(task, payload, undefined, settings);
  const { priority, group, headers } = placement;
  const template = {
    name: task.name,
    payload: text,
    headers: headersOf(headers, undefined, {}),
    priority: priorityOf(priority, undefined),
    maxAttempts: settings.attemptsOf(task),
    keepCompletedMs: settings.keep.completedMs,
    keepDeadMs: settings.keep.deadMs,
  };
  if (group === undefined) return template;
  return { ...template, group: groupOf(group, 'options.group') };
}

function priorityOf(priority: number | undefined, place: Place): number {
  return integerOption(optionPath(place, 'priority'), priority, 0, [-32_768, 32_767]);
}

function whenOf({ delay, runAt }: NewTaskOptions, place: Place): When {
  if (runAt === undefined) {
    if (delay === undefined) return NOW;
    return { delayMs: durationOption(optionPath(place, 'delay'), delay, 0) };
  }
  if (delay !== undefined)
    throw invalidOption(optionPath(place, 'delay'), 'absent where runAt is given', delay);
  const atMs = dateMs(runAt);
  if (Number.isNaN(atMs)) throw invalidOption(optionPath(place, 'runAt'), DATE_RULE, runAt);
  return { atMs };
}

/** Whether anything is said of a key. Most tasks have none: then there is nothing to check. */
const namesKey = (options: NewTaskOptions): boolean =>
  options.idempotencyKey !== undefined ||
  options.idempotencyWindow !== undefined ||
  options.onDuplicate !== undefined ||
  options.freeKeyOnFailure !== undefined;

const MODES: readonly unknown[] = ['ignore', 'replace', 'merge'];

function keyOf(
  options: NewTaskOptions,
  place: Place,
  { maxPayloadBytes }: QueueSettings,
): TaskKey | undefined {
  const { idempotencyKey, idempotencyWindow, onDuplicate, freeKeyOnFailure } = options;
  const refused = (name: keyof NewTaskOptions, rule: string): Error =>
    invalidOption(optionPath(place, name), rule, options[name]);
  if (idempotencyKey === undefined) {
    for (const name of KEY_OPTIONS) {
      if (options[name] !== undefined) throw refused(name, 'absent without idempotencyKey');
    }
    return undefined;
  }
  if (onDuplicate !== undefined && !MODES.includes(onDuplicate))
    throw refused('onDuplicate', `one of ${MODES.join(', ')}`);
  if (freeKeyOnFailure !== undefined && typeof freeKeyOnFailure !== 'boolean')
    throw refused('freeKeyOnFailure', 'true or false');
  return {
    value: textOption(optionPath(place, 'idempotencyKey'), idempotencyKey, 500),
    ttlMs: windowOf(idempotencyWindow, optionPath(place, 'idempotencyWindow')),
    ...(onDuplicate === undefined || onDuplicate === 'ignore' ? {} : { mode: onDuplicate }),
    ...(onDuplicate === 'merge' ? { maxMergedChars: maxPayloadBytes } : {}),
    ...(freeKeyOnFailure === true ? { freeOnFailure: true } : {}),
    ...(idempotencyWindow === 'waiting' ? { freeOnStart: true } : {}),
  };
}

function windowOf(window: NewTaskOptions['idempotencyWindow'], path: string): number {
  if (window === 'live' || window === 'waiting') return 0;
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
  place: Place,
  carrier: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  if (given === undefined) return carrier;
  const path = optionPath(place, 'headers');
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
