import { QueueError } from '../errors.js';
import { encoded } from '../payload.js';
import type { QueueStore, StoreFeature, TaskRecord } from '../store.js';
import type { ChildTask } from '../task.js';
import type { Attempt } from './attempt.js';

const PAGE = 200;

/** What a handler can ask of the store for its task. */
export interface AttemptServices {
  /** Keeps what the handler reports. */
  progress(attempt: Attempt, value: unknown): void;
  /** Completes the task in a transaction of the store's database. */
  completeIn(attempt: Attempt, tx: unknown, result: unknown): Promise<void>;
  /** The tasks it waited for. */
  children(attempt: Attempt): Promise<readonly ChildTask[]>;
}

/** Makes {@link AttemptServices}; `reported` hears of progress that waits to be sent. */
export function attemptServices(
  store: Omit<QueueStore, 'enqueue'>,
  worker: string,
  reported: () => void,
): AttemptServices {
  const need = (feature: StoreFeature): void => {
    if (store.traits.features?.includes(feature) === true) return;
    throw new QueueError('QUEUE_UNSUPPORTED', `The ${store.name} store has no \`${feature}\``);
  };
  return {
    progress: (attempt, value) => {
      need('progress');
      const { maxResultBytes } = attempt.runner;
      attempt.progress = encoded(value, 'progress', 'QUEUE_INPUT_INVALID', maxResultBytes);
      reported();
    },
    completeIn: async (attempt, tx, value) => {
      need('completeIn');
      const { id, epoch } = attempt.task;
      const { runner } = attempt;
      const result = encoded(value, 'result', 'QUEUE_RESULT_INVALID', runner.maxResultBytes);
      // Only the store knows the type of its transactions.
      const verdicts = await store.complete?.(worker, [{ id, epoch, result }], { tx: tx as never });
      if (verdicts?.[0] !== 'ok') {
        throw new QueueError('QUEUE_LEASE_LOST', `Task ${id} was taken over by another worker`);
      }
      attempt.completedIn = true;
    },
    children: async ({ task }) => {
      if (task.children === undefined) return [];
      const found: TaskRecord[] = [];
      for (;;) {
        const last = found.at(-1)?.id;
        const after = last === undefined ? {} : { after: last };
        const page = await store.find(
          { childrenOf: task.id },
          { order: 'oldest', limit: PAGE, ...after },
        );
        found.push(...page);
        if (page.length < PAGE) return found.map(toChild);
      }
    },
  };
}

function toChild({ id, name, state, result }: TaskRecord): ChildTask {
  return { id, name, state, result: result === null ? null : (JSON.parse(result) as unknown) };
}
