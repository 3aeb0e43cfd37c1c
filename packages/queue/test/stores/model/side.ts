import type { Alteration, ClaimedTask, Edit, QueueStore, Settlement } from '../../../src/index.js';
import { Kit } from '../../../src/testing.js';
import type { Step, StepTask } from './steps.js';

/** A store and what was claimed from it. */
export class Side {
  readonly claims: ClaimedTask[] = [];
  /** Ids of tasks whose key is freed when they start. */
  readonly freedOnStart = new Set<string>();
  readonly kit: Kit<never>;
  readonly advance: (ms: number) => Promise<void>;

  constructor(store: QueueStore<never>, advance: (ms: number) => Promise<void>) {
    this.advance = advance;
    this.kit = new Kit({ store, advance, close: async () => undefined });
  }

  /** Does a step and returns what can be compared. `ids` are those of the tasks it enqueues. */
  async run(step: Step, ids: readonly string[]): Promise<unknown> {
    const { kit } = this;
    switch (step.do) {
      case 'enqueue':
        return this.#enqueue(step.tasks, ids);
      case 'claim': {
        const reply = await kit.exchange(step.worker, { claim: step.limit, queues: step.queues });
        this.claims.push(...reply.claimed);
        return reply;
      }
      case 'settle': {
        const settle = this.#settlements(step.picks);
        const { settled, cancelled } = await kit.exchange(step.worker, { settle });
        return { settled, cancelled };
      }
      case 'extend':
        return (await kit.exchange(step.worker, { extend: this.#leases(step.picks) })).extended;
      case 'advance':
        return this.advance(step.ms);
      case 'sweep': {
        const { lapsed, died } = await kit.store.sweep(1_000);
        return { lapsed, died: died.map((task) => task.id).sort() };
      }
      case 'alter': {
        const filter = step.queue === undefined ? {} : { queue: step.queue };
        return kit.store.alter(filter, alterationOf(step), step.limit);
      }
      case 'edit':
        return kit.store.edit?.({ queue: step.queue }, editOf(step), step.limit);
      case 'control':
        return kit.store.control(step.queue, step.patch);
    }
  }

  async #enqueue(tasks: readonly StepTask[], ids: readonly string[]): Promise<unknown> {
    const { kit } = this;
    for (const [index, { key }] of tasks.entries())
      if (key?.freeOnStart === true) this.freedOnStart.add(ids[index] ?? '');
    return kit.store.enqueue(
      tasks.map((task, index) => {
        const waits = task.waits.filter((at) => at < index && tasks[at]?.queue === task.queue);
        return kit.task({
          id: ids[index] ?? '',
          queue: task.queue,
          payload: `[${index}]`,
          priority: task.priority,
          when: { delayMs: task.delay },
          maxAttempts: task.max,
          keepCompletedMs: task.keep,
          ...(task.key === undefined ? {} : { key: task.key }),
          ...(task.group === undefined ? {} : { group: task.group }),
          ...(waits.length === 0
            ? {}
            : { waitFor: { ids: waits.map((at) => ids[at] ?? ''), onFailure: task.onFailure } }),
        });
      }),
    );
  }

  #leases(picks: readonly number[]): ClaimedTask[] {
    const chosen = picks.map((pick) => this.claims[pick % this.claims.length]);
    return [
      ...new Map(chosen.flatMap((task) => (task ? [[task.id, task] as const] : []))).values(),
    ];
  }

  #settlements(
    picks: readonly { pick: number; outcome: Settlement['outcome']; delay: number }[],
  ): Settlement[] {
    const seen = new Set<string>();
    return picks.flatMap(({ pick, outcome, delay }) => {
      const task = this.claims[pick % this.claims.length];
      if (task === undefined || seen.has(task.id)) return []; // one of each task: see the contract
      seen.add(task.id);
      const { kit } = this;
      if (outcome === 'completed') return [kit.completed(task, '1')];
      if (outcome === 'dead') return [kit.dead(task)];
      return [outcome === 'retry' ? kit.retry(task, delay) : kit.released(task, delay)];
    });
  }

  /** Everything that can be seen. */
  async look(): Promise<unknown> {
    const tasks = await this.kit.store.find({}, { order: 'oldest', limit: 1_000 });
    const stats = await this.kit.store.stats(['q', 'r']);
    const counts = stats.map(({ counts, paused, oldestReadyAt, blocked, limits }) => ({
      counts,
      paused,
      oldestReadyAt,
      blocked,
      limits: withoutNulls(limits),
    }));
    return { tasks, counts };
  }
}

/** A limit that is null is none. */
function withoutNulls(limits: unknown): unknown {
  const text = JSON.stringify(limits, (_, value) => (value === null ? undefined : value));
  return text === undefined ? undefined : JSON.parse(text);
}

function alterationOf({ kind, more }: Step & { do: 'alter' }): Alteration {
  if (!more || kind === 'remove') return { kind };
  return kind === 'cancel' ? { kind, running: true } : { kind, payload: '[9]', everyMs: 1_000 };
}

function editOf({ kind, queue }: Step & { do: 'edit' }): Edit {
  if (kind === 'promote') return { kind };
  if (kind === 'reprioritise') return { kind, priority: 1 };
  return { kind, queue: queue === 'q' ? 'r' : 'q' };
}
