import type {
  Alteration,
  ClaimedTask,
  Edit,
  NewSchedule,
  PageRequest,
  QueueStore,
  ScheduleOp,
  Settlement,
  StoredEvent,
  StoreFeature,
  TaskFilter,
  TaskRecord,
} from '../../store.js';
import { Kit } from '../kit.js';
import type { Step, StepFilter, StepSchedule, StepTask } from './steps.js';

/** Steps choose among so many of the latest claims, or tasks. */
const RECENT = 40;
const PAGE = 200;

type Happened = Omit<StoredEvent, 'cursor'>;
type Plan = Step & { do: 'schedule' };

/** A store and what was claimed from it. */
export class Side<Tx> {
  readonly claims: ClaimedTask[] = [];
  /** Ids of tasks whose key is freed when they start. */
  readonly freedOnStart: Set<string> = new Set();
  readonly kit: Kit<Tx>;
  readonly advance: (ms: number) => Promise<void>;
  /** Ids of the tasks enqueued lately. */
  readonly #ids: string[] = [];
  /** Schedules whose tasks free their key when they start. */
  readonly #freeing = new Set<string>();
  /** Tasks that schedules enqueued have ids of the store's own: those, and what they are called in comparisons. */
  readonly #names = new Map<string, string>();
  #cursor: string | undefined;
  #looks = 0;

  constructor(store: QueueStore<Tx>, advance: (ms: number) => Promise<void>) {
    this.advance = advance;
    this.kit = new Kit({ store, advance, close: async () => undefined });
  }

  /** Does a step and returns what can be compared. `ids` are those of the tasks it enqueues. */
  async run(step: Step, ids: readonly string[]): Promise<unknown> {
    const seen = await this.#do(step, ids);
    if (step.do === 'sweep') await this.#nameFired();
    return this.#named(seen);
  }

  async #do(step: Step, ids: readonly string[]): Promise<unknown> {
    const { kit } = this;
    switch (step.do) {
      case 'enqueue':
        this.#ids.push(...ids);
        this.#ids.splice(0, this.#ids.length - RECENT);
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
        return (await kit.exchange(step.worker, { extend: this.#extensions(step.picks) })).extended;
      case 'advance':
        return this.advance(step.ms);
      case 'sweep': {
        const { lapsed, died, fired = 0 } = await kit.store.sweep(1_000);
        return { lapsed, died: died.map((task) => task.id).sort(), fired };
      }
      case 'find':
        return this.#pages(this.#filter(step.filter), step.order, step.limit, 3);
      case 'alter':
        return kit.store.alter(this.#filter(step.filter), alterationOf(step), step.limit);
      case 'edit':
        return kit.store.edit?.({ queue: step.queue }, editOf(step), step.limit);
      case 'control':
        return kit.store.control(step.queue, step.patch);
      case 'schedule':
        return kit.store.schedule?.(step.ops.map((op) => this.#operation(op)));
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
          when: { delayMs: task.delay },
          ...partOf(task),
          ...(waits.length === 0
            ? {}
            : { waitFor: { ids: waits.map((at) => ids[at] ?? ''), onFailure: task.onFailure } }),
        });
      }),
    );
  }

  #claim(pick: number): ClaimedTask | undefined {
    const latest = this.claims.slice(-RECENT);
    return latest[pick % latest.length];
  }

  #extensions(
    picks: readonly { pick: number; progress: string | undefined }[],
  ): { id: string; epoch: number; progress?: string }[] {
    const seen = new Set<string>();
    return picks.flatMap(({ pick, progress }) => {
      const task = this.#claim(pick);
      if (task === undefined || seen.has(task.id)) return [];
      seen.add(task.id);
      const { id, epoch } = task;
      return [{ id, epoch, ...(progress === undefined ? {} : { progress }) }];
    });
  }

  #settlements(picks: (Step & { do: 'settle' })['picks']): Settlement[] {
    const seen = new Set<string>();
    return picks.flatMap(({ pick, outcome, delay, error }) => {
      const task = this.#claim(pick);
      if (task === undefined || seen.has(task.id)) return []; // one of each task: see the contract
      seen.add(task.id);
      const { kit } = this;
      if (outcome === 'completed') return [kit.completed(task, '1')];
      if (outcome === 'released') return [kit.released(task, delay)];
      const failed = outcome === 'dead' ? kit.dead(task) : kit.retry(task, delay);
      return ['entry' in failed ? { ...failed, entry: { ...failed.entry, name: error } } : failed];
    });
  }

  #filter({ parts, ids, childrenOf }: StepFilter): TaskFilter {
    const id = (pick: number): string => this.#ids[pick % this.#ids.length] ?? 'none';
    return {
      ...parts,
      ...(ids === undefined ? {} : { ids: ids.map(id) }),
      ...(childrenOf === undefined ? {} : { childrenOf: id(childrenOf) }),
    };
  }

  #operation({ kind, queue, id, schedule }: Plan['ops'][number]): ScheduleOp {
    if (kind !== 'upsert') return { kind, queue, id };
    const { timing, missed, untilMs, task } = schedule;
    if (task.key?.freeOnStart === true) this.#freeing.add(`${queue} ${id}`);
    else this.#freeing.delete(`${queue} ${id}`);
    const { id: _, when: __, queue: ___, ...enqueued } = this.kit.task(partOf(task));
    const put: NewSchedule = { id, queue, timing, missed, task: { ...enqueued, payload: '[7]' } };
    return { kind, schedule: untilMs === undefined ? put : { ...put, untilMs } };
  }

  /** Tasks of the first pages, one after the other. */
  async #pages(
    filter: TaskFilter,
    order: PageRequest['order'],
    limit: number,
    pages = Number.POSITIVE_INFINITY,
  ): Promise<TaskRecord[]> {
    const found: TaskRecord[] = [];
    for (let page = 0; page < pages; page++) {
      const after = found.at(-1)?.id;
      const request = { order, limit, ...(after === undefined ? {} : { after }) };
      const tasks = await this.kit.store.find(filter, request);
      found.push(...tasks);
      if (tasks.length < limit) break;
    }
    return found;
  }

  /** Everything there is now. */
  tasks(): Promise<TaskRecord[]> {
    return this.#pages({}, 'oldest', PAGE);
  }

  /** Calls tasks by their schedule and run. Those that this sweep enqueued are among the newest. */
  async #nameFired(): Promise<void> {
    const newest = await this.kit.store.find({}, { order: 'newest', limit: RECENT });
    for (const { id, queue, headers } of newest) {
      const { 'schedule-id': schedule, 'schedule-at': at } = headers;
      if (schedule === undefined || this.#names.has(id)) continue;
      if (this.#freeing.has(`${queue} ${schedule}`)) this.freedOnStart.add(id);
      this.#names.set(id, `${queue} ${schedule} ${at}`);
    }
  }

  #named(value: unknown): unknown {
    if (this.#names.size === 0) return value;
    const text = JSON.stringify(value, (_, part) =>
      typeof part === 'string' ? (this.#names.get(part) ?? part) : part,
    );
    return text === undefined ? undefined : JSON.parse(text);
  }

  /** Everything that can be seen with these features: what is there, and what happened since the last look. */
  async look(features: readonly StoreFeature[]): Promise<unknown> {
    const { store } = this.kit;
    const stats = await store.stats(['q', 'r']);
    const counts = stats.map(({ limits, ...all }) => ({ ...all, limits: withoutNulls(limits) }));
    return this.#named({
      tasks: await this.tasks(),
      counts,
      ...(features.includes('schedules') ? { schedules: await store.schedules?.({}) } : {}),
      ...(features.includes('metrics') ? { minutes: await this.#minutes() } : {}),
      ...(features.includes('events') ? { story: await this.#story() } : {}),
    });
  }

  async #minutes(): Promise<unknown> {
    const { store } = this.kit;
    return [
      await store.minutes?.('q', 0, Number.MAX_SAFE_INTEGER),
      await store.minutes?.('r', 0, Number.MAX_SAFE_INTEGER),
    ];
  }

  /** What happened since it was asked last. A change of a third queue tells where it ends. */
  async #story(): Promise<readonly Happened[]> {
    const { store } = this.kit;
    await store.control('end', { paused: this.#looks++ % 2 === 0 });
    const story: Happened[] = [];
    for (;;) {
      const after = this.#cursor === undefined ? {} : { after: this.#cursor };
      const page = await store.events?.({ ...after, limit: 7, waitMs: 10_000 });
      if (page === undefined || page.events.length === 0) throw new Error('events do not arrive');
      if (page.gap) throw new Error('events were dropped');
      this.#cursor = page.cursor;
      story.push(...page.events.map(({ cursor: _, ...event }) => event));
      if (story.at(-1)?.queue === 'end') return inOneOrder(story, this.#names);
    }
  }
}

/**
 * What one call does to several tasks has no order of its own, but each task's events have, and a queue is drained after
 * all that drained it.
 */
function inOneOrder(
  story: readonly Happened[],
  names: ReadonlyMap<string, string>,
): readonly Happened[] {
  const drained = new Map<string, number>();
  const placed = story.map((event) => {
    const { queue, subject } = event;
    const times = drained.get(queue) ?? 0;
    if (event.type === 'queue.drained') drained.set(queue, times + 1);
    const last = event.type === 'queue.drained' ? '~' : '';
    const name = names.get(subject) ?? subject;
    return { event, place: `${queue} ${String(times).padStart(6, '0')} ${last}${name}` };
  });
  placed.sort((a, b) => (a.place < b.place ? -1 : a.place > b.place ? 1 : 0));
  return placed.map(({ event }) => event);
}

/** What a step says of a task, as a store takes it. */
function partOf(task: StepSchedule['task']): object {
  return {
    name: task.name,
    priority: task.priority,
    maxAttempts: task.max,
    keepCompletedMs: task.keep,
    keepDeadMs: task.keepDead,
    ...(task.key === undefined ? {} : { key: task.key }),
    ...(task.group === undefined ? {} : { group: task.group }),
  };
}

/** A limit that is null is none. */
function withoutNulls(limits: unknown): unknown {
  const text = JSON.stringify(limits, (_, value) => (value === null ? undefined : value));
  return text === undefined ? undefined : JSON.parse(text);
}

function alterationOf({ kind, more }: Step & { do: 'alter' }): Alteration {
  if (!more || kind === 'remove' || kind === 'clean') return { kind };
  return kind === 'cancel' ? { kind, running: true } : { kind, payload: '[9]', everyMs: 1_000 };
}

function editOf({ kind, queue }: Step & { do: 'edit' }): Edit {
  if (kind === 'promote') return { kind };
  if (kind === 'reprioritise') return { kind, priority: 1 };
  return { kind, queue: queue === 'q' ? 'r' : 'q' };
}
