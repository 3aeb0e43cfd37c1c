import type { QueueStore, StoredEvent } from '../../../src/index.js';

type Phase = 'waiting' | 'leased' | 'completed' | 'dead' | 'cancelled';

/** A task as its events tell it. */
interface Story {
  phase: Phase;
  epoch: number;
  /** Whether the newest lease may still be settled: it runs, or it lapsed and nobody claimed since. */
  held: boolean;
  readonly name: string;
  completions: number;
}

const SETTLED: Readonly<Record<string, Phase>> = {
  'task.completed': 'completed',
  'task.failed': 'waiting',
  'task.dead': 'dead',
  'task.released': 'waiting',
  'task.cancelled': 'cancelled',
};

/** What says nothing of where a task is in its life. */
const ASIDE: readonly string[] = [
  'task.progress',
  'task.promoted',
  'task.reprioritised',
  'task.moved',
];

const isOver = ({ phase }: Story): boolean =>
  phase === 'completed' || phase === 'dead' || phase === 'cancelled';

/**
 * The events of a store held against what may happen to a task: it is added once, each claim raises its epoch by one,
 * only the newest lease is settled, and only once, and what is over stays over until it is redriven.
 */
export class History {
  readonly violations: string[] = [];
  /** By id; of tasks that were removed there is none any more. */
  readonly stories = new Map<string, Story>();
  /** Every event of a task, in order. */
  readonly events: StoredEvent[] = [];
  /** When each lease lapsed that did, by the store's clock: by `id epoch`. */
  readonly lapsed = new Map<string, number>();
  gaps = 0;
  #cursor: string | undefined;

  /** Reads what is new; whether there was anything. */
  async read(store: QueueStore<never>): Promise<boolean> {
    const after = this.#cursor === undefined ? {} : { after: this.#cursor };
    const page = await store.events?.({ ...after, limit: 2_000, waitMs: 0 });
    if (page === undefined) throw new Error('the store has no events');
    if (page.gap) this.gaps++;
    this.#cursor = page.cursor;
    for (const event of page.events) if (event.type.startsWith('task.')) this.#take(event);
    return page.events.length > 0;
  }

  /** Reads to the end. */
  async readAll(store: QueueStore<never>): Promise<void> {
    while (await this.read(store));
  }

  /** Ids of the tasks in a phase. */
  in(phase: Phase): string[] {
    return [...this.stories].flatMap(([id, story]) => (story.phase === phase ? [id] : []));
  }

  #take(event: StoredEvent): void {
    this.events.push(event);
    const { type, subject, name = '' } = event;
    const story = this.stories.get(subject);
    if (type === 'task.added') {
      if (story !== undefined) this.#violation(event, 'added twice');
      this.stories.set(subject, { phase: 'waiting', epoch: 0, held: false, name, completions: 0 });
    } else if (story === undefined) {
      this.#violation(event, 'of a task that was not added');
    } else {
      this.#goOn(story, event);
    }
  }

  #goOn(story: Story, event: StoredEvent): void {
    const { type, subject, epoch } = event;
    if (type === 'task.started') {
      this.#start(story, event);
    } else if (type === 'task.lapsed') {
      if (!story.held || epoch !== story.epoch) this.#violation(event, 'of a lease nobody has');
      this.lapsed.set(`${subject} ${epoch}`, event.at);
      story.phase = 'waiting';
    } else if (type === 'task.redriven') {
      if (story.phase !== 'dead') this.#violation(event, `of a task that is ${story.phase}`);
      story.phase = 'waiting';
    } else if (type === 'task.removed') {
      if (story.phase === 'leased') this.#violation(event, 'of a task that is leased');
      this.stories.delete(subject);
    } else if (!ASIDE.includes(type)) {
      this.#settle(story, event);
    }
  }

  #start(story: Story, event: StoredEvent): void {
    if (story.phase !== 'waiting') this.#violation(event, `of a task that is ${story.phase}`);
    if (event.epoch !== story.epoch + 1) this.#violation(event, `after epoch ${story.epoch}`);
    story.epoch = event.epoch ?? 0;
    story.phase = 'leased';
    story.held = true;
  }

  #settle(story: Story, event: StoredEvent): void {
    const { type } = event;
    const phase = SETTLED[type];
    if (phase === undefined) {
      this.#violation(event, 'unknown');
      return;
    }
    if (isOver(story)) this.#violation(event, `of a task that is ${story.phase}`);
    if ((event.epoch ?? 0) !== story.epoch) this.#violation(event, `at epoch ${story.epoch}`);
    // Cancelling and the failure of a child end tasks that wait; all else takes a lease.
    const needsLease = type !== 'task.cancelled' && type !== 'task.dead';
    if (needsLease && !story.held) this.#violation(event, 'without a lease');
    story.phase = phase;
    story.held = false;
    if (phase === 'completed') story.completions++;
  }

  #violation({ type, subject, epoch, cursor }: StoredEvent, why: string): void {
    this.violations.push(`${type} ${subject} epoch ${epoch} (${cursor}): ${why}`);
  }
}
