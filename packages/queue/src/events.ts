import type { Logger } from './logger.js';
import { invalidOption } from './options.js';
import type { HistoryEntry } from './store.js';
import { uuidv7 } from './uuid.js';

/** What an event of each type carries. */
export interface QueueEvents {
  /** A task was enqueued. Within a transaction this comes before the commit, which may still fail. */
  'task.added': { readonly name: string };
  /** A worker of this process began an attempt. */
  'task.started': { readonly name: string; readonly attempt: number; readonly epoch: number };
  /** The store accepted the completion. */
  'task.completed': {
    readonly name: string;
    readonly attempt: number;
    readonly durationMs: number;
  };
  /** An attempt failed and the task will run again. */
  'task.failed': { readonly name: string; readonly attempt: number; readonly entry: HistoryEntry };
  /** The task failed for good. */
  'task.dead': {
    readonly name: string;
    readonly attempt: number;
    readonly entry: HistoryEntry | null;
  };
  /** A worker of this process learned that its lease was taken over; what it did is not recorded. */
  'task.lost': { readonly name: string; readonly attempt: number; readonly epoch: number };
  /** A worker of this process handed a task back, uncharged. */
  'task.released': { readonly name: string };
}

/** An event of a queue. */
export interface QueueEvent<Type extends keyof QueueEvents = keyof QueueEvents> {
  /** A UUIDv7. */
  readonly id: string;
  readonly at: Date;
  readonly type: Type;
  readonly queue: string;
  /** The task's id. */
  readonly subject: string;
  readonly data: QueueEvents[Type];
}

const TYPES: readonly (keyof QueueEvents)[] = [
  ...(['task.added', 'task.started', 'task.completed', 'task.failed'] as const),
  ...(['task.dead', 'task.lost', 'task.released'] as const),
];

type Listener = (event: QueueEvent<never>) => void;

/** Listeners by type; an event nobody listens to is never built. */
export class EventHub {
  readonly #listeners = new Map<keyof QueueEvents, Set<Listener>>();
  readonly #queue: string;
  readonly #logger: Logger;

  constructor(queue: string, logger: Logger) {
    this.#queue = queue;
    this.#logger = logger;
  }

  on<Type extends keyof QueueEvents>(
    type: Type,
    listener: (event: QueueEvent<Type>) => void,
  ): () => void {
    if (!TYPES.includes(type)) throw invalidOption('type', `one of ${TYPES.join(', ')}`, type);
    if (typeof listener !== 'function') throw invalidOption('listener', 'a function', listener);
    const set = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, set);
    // Its own object, so that one function given twice is called twice and stopped one at a time.
    const entry: Listener = (event) => listener(event);
    set.add(entry);
    return () => void set.delete(entry);
  }

  /** Whether anybody listens: what an event carries need not be made otherwise. */
  hears(type: keyof QueueEvents): boolean {
    const set = this.#listeners.get(type);
    return set !== undefined && set.size > 0;
  }

  emit<Type extends keyof QueueEvents>(type: Type, subject: string, data: QueueEvents[Type]): void {
    const set = this.#listeners.get(type);
    if (set === undefined || set.size === 0) return;
    const event = { id: uuidv7(), at: new Date(), type, queue: this.#queue, subject, data };
    for (const listener of set) {
      try {
        listener(event as QueueEvent<never>);
      } catch (err) {
        this.#logger.error(
          { module: 'queue', queue: this.#queue, task_id: subject, err },
          `a ${type} listener threw`,
        );
      }
    }
  }
}
