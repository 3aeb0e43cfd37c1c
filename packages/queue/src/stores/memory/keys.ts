import type { NewTask } from '../../store.js';
import { Heap } from '../heap.js';

interface HeldKey {
  readonly queue: string;
  readonly value: string;
  /** Of the task that holds it. */
  readonly id: string;
  readonly expiresAt: number;
}

/** A key whose time is over while its task is live is looked at again after this. */
const RECHECK_MS = 60_000;

type Keyed = Pick<NewTask, 'id' | 'queue' | 'key'>;

/** Idempotency keys: each is held for its time, and as long as its task is live. */
export class MemoryKeys {
  readonly #isLive: (id: string) => boolean;
  readonly #byQueue = new Map<string, Map<string, HeldKey>>();
  readonly #expiring = new Heap<{ at: number; key: HeldKey }>((a, b) => a.at < b.at);

  constructor(isLive: (id: string) => boolean) {
    this.#isLive = isLive;
  }

  /** Takes the task's key for its time from `since` if it is free. The id of the task that holds it afterwards. */
  take(task: Keyed, now: number, since: number = now): string {
    const { id, queue, key } = task;
    if (key === undefined) return id;
    const holder = this.holder(task, now);
    if (holder !== undefined) return holder;
    let keys = this.#byQueue.get(queue);
    if (keys === undefined) {
      keys = new Map();
      this.#byQueue.set(queue, keys);
    }
    const taken: HeldKey = { queue, value: key.value, id, expiresAt: since + key.ttlMs };
    keys.set(key.value, taken);
    this.#expiring.push({ at: taken.expiresAt, key: taken });
    return id;
  }

  /** The id of the task that holds the key of this one. */
  holder({ queue, key }: Keyed, now: number): string | undefined {
    if (key === undefined) return undefined;
    const held = this.#byQueue.get(queue)?.get(key.value);
    if (held === undefined) return undefined;
    return held.expiresAt > now || this.#isLive(held.id) ? held.id : undefined;
  }

  /** Frees the key of a task. */
  free({ id, queue, key }: Keyed): void {
    const keys = this.#byQueue.get(queue);
    if (key !== undefined && keys?.get(key.value)?.id === id) keys.delete(key.value);
  }

  /** Drops at most `limit` keys whose time is over and whose task is not live. */
  prune(limit: number, now: number): number {
    let pruned = 0;
    for (let next = this.#expiring.peek(); pruned < limit; next = this.#expiring.peek()) {
      if (next === undefined || next.at > now) break;
      this.#expiring.pop();
      const { queue, value, id } = next.key;
      if (this.#byQueue.get(queue)?.get(value) !== next.key) continue;
      if (this.#isLive(id)) {
        this.#expiring.push({ at: now + RECHECK_MS, key: next.key });
        continue;
      }
      this.#byQueue.get(queue)?.delete(value);
      pruned++;
    }
    return pruned;
  }
}
