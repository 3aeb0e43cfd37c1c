import type { Duration } from './duration.js';
import {
  durationOption,
  integerOption,
  invalidOption,
  knownOptions,
  textOption,
} from './options.js';
import { checked, encoded } from './payload.js';
import type { ResolvedRetryPolicy } from './retry.js';
import type { NewTask, When } from './store.js';
import type { AnyTaskDefinition } from './task.js';
import { uuidv7 } from './uuid.js';

/** How a task is enqueued. */
export interface NewTaskOptions {
  /**
   * Not before this long from now, by the store's clock. Not together with `runAt`.
   * @defaultValue 0
   */
  delay?: Duration;
  /** Not before this time, by the store's clock. */
  runAt?: Date;
  /**
   * From −32768 to 32767; the largest first, equal ones in the order they came.
   * @defaultValue 0
   */
  priority?: number;
  /**
   * Among the live tasks of the queue, and for `idempotencyWindow` after the enqueue, only one task has this key.
   * Another enqueue with it is a `duplicate`, whatever its payload.
   */
  idempotencyKey?: string;
  /** @defaultValue `'1d'` */
  idempotencyWindow?: Duration;
  /**
   * Text that travels with the task and is given to its handler. `traceparent`, `tracestate` and `baggage` are set by
   * the OpenTelemetry propagator unless given here.
   */
  headers?: Readonly<Record<string, string>>;
}

const OPTION_NAMES = [
  'delay',
  'runAt',
  'priority',
  'idempotencyKey',
  'idempotencyWindow',
  'headers',
];
const MAX_HEADERS_BYTES = 16_384;

/** What a queue adds to each of its tasks. */
interface QueueSettings {
  readonly queue: string;
  readonly retry: ResolvedRetryPolicy;
  readonly maxPayloadBytes: number;
  readonly keep: { readonly completedMs: number; readonly deadMs: number };
}

type Item = NewTaskOptions & { readonly task: AnyTaskDefinition; readonly payload: unknown };

/** Checks everything about a task that is to be enqueued. `prefix` leads to it in error paths, in a list. */
export async function toNewTask(
  item: Item,
  prefix: string | undefined,
  settings: QueueSettings,
  carrier: Readonly<Record<string, string>>,
): Promise<NewTask> {
  const { task, payload, ...options } = item;
  const option = prefix ?? 'options.';
  if (typeof task?.retryOver !== 'function')
    throw invalidOption(`${prefix ?? ''}task`, 'made by defineTask', task);
  knownOptions(option.slice(0, -1), options, OPTION_NAMES);
  const path = `${prefix ?? ''}payload`;
  const text = encoded(payload, path, 'QUEUE_PAYLOAD_INVALID', settings.maxPayloadBytes);
  // The JSON form is checked, not the object: it is what the handler's side will see.
  if (task.payload !== undefined) {
    await checked(task.payload, JSON.parse(text), path, 'QUEUE_PAYLOAD_INVALID');
  }
  return {
    id: uuidv7(),
    queue: settings.queue,
    name: task.name,
    payload: text,
    headers: headersOf(options.headers, `${option}headers`, carrier),
    priority: integerOption(`${option}priority`, options.priority, 0, [-32_768, 32_767]),
    when: whenOf(options, option),
    maxAttempts: task.retryOver(settings.retry).attempts,
    keepCompletedMs: settings.keep.completedMs,
    keepDeadMs: settings.keep.deadMs,
    key: keyOf(options, option),
  };
}

function whenOf({ delay, runAt }: NewTaskOptions, option: string): When {
  if (runAt === undefined) return { delayMs: durationOption(`${option}delay`, delay, 0) };
  if (delay !== undefined)
    throw invalidOption(`${option}delay`, 'absent where runAt is given', delay);
  const atMs = runAt instanceof Date ? runAt.getTime() : Number.NaN;
  if (!(atMs >= 0)) throw invalidOption(`${option}runAt`, 'a valid date since 1970', runAt);
  return { atMs };
}

function keyOf(options: NewTaskOptions, option: string): NewTask['key'] {
  const { idempotencyKey, idempotencyWindow } = options;
  if (idempotencyKey === undefined) return undefined;
  return {
    value: textOption(`${option}idempotencyKey`, idempotencyKey, 500),
    ttlMs: durationOption(`${option}idempotencyWindow`, idempotencyWindow, 86_400_000),
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
  for (const [name, value] of Object.entries(given)) {
    if (typeof value !== 'string') throw invalidOption(`${path}.${name}`, 'a text', value);
    bytes += name.length + value.length;
  }
  if (bytes > MAX_HEADERS_BYTES) {
    throw invalidOption(path, `at most ${MAX_HEADERS_BYTES} characters altogether`, bytes);
  }
  // Own properties of a null-prototype object: a header called __proto__ is a header like any other.
  return Object.assign(Object.create(null), carrier, given);
}
