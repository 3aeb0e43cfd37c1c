import type {
  NewSchedule,
  NewTask,
  PageRequest,
  QueuePatch,
  Settlement,
  TaskFilter,
} from '../../store.js';

/** A task of a step; what it waits for are earlier ones of the same step. */
export interface StepTask {
  queue: string;
  name: string;
  priority: number;
  delay: number;
  key: NonNullable<NewTask['key']> | undefined;
  max: number;
  keep: number;
  keepDead: number;
  group: NonNullable<NewTask['group']> | undefined;
  waits: readonly number[];
  onFailure: 'fail' | 'ignore';
}

/** A filter; `pick` chooses among the tasks enqueued lately. */
export interface StepFilter {
  parts: Omit<TaskFilter, 'ids' | 'childrenOf'>;
  ids: readonly number[] | undefined;
  childrenOf: number | undefined;
}

/** A schedule that is put: its timing, its policy and what it enqueues. */
export interface StepSchedule {
  timing: NewSchedule['timing'];
  missed: NewSchedule['missed'];
  untilMs: number | undefined;
  task: Omit<StepTask, 'queue' | 'delay' | 'waits' | 'onFailure'>;
}

/** What one random step does to a store; `pick` chooses among the latest claims. */
export type Step =
  | { do: 'enqueue'; tasks: StepTask[] }
  | { do: 'claim'; worker: string; limit: number; queues: string[] }
  | {
      do: 'settle';
      worker: string;
      picks: { pick: number; outcome: Settlement['outcome']; delay: number; error: string }[];
    }
  | { do: 'extend'; worker: string; picks: { pick: number; progress: string | undefined }[] }
  | { do: 'advance'; ms: number }
  | { do: 'sweep' }
  | { do: 'find'; filter: StepFilter; order: PageRequest['order']; limit: number }
  | {
      do: 'alter';
      kind: 'redrive' | 'cancel' | 'remove' | 'clean';
      filter: StepFilter;
      limit: number;
      more: boolean;
    }
  | { do: 'edit'; kind: 'promote' | 'reprioritise' | 'move'; queue: string; limit: number }
  | { do: 'control'; queue: string; patch: QueuePatch }
  | {
      do: 'schedule';
      ops: {
        kind: 'upsert' | 'remove' | 'pause' | 'resume';
        queue: string;
        id: string;
        schedule: StepSchedule;
      }[];
    };
