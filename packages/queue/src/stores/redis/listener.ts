import { isReady, openClient, type RedisAddress, type RedisClient } from './client.js';
import { becomesReady, closed, refused } from './connection.js';

const CONNECT_MS = 5_000;
const WATCH_MS = 10_000;
const ANSWER_MS = 5_000;

type Wake = (queue: string) => void;

/**
 * The connection on which wake-ups come, one for all queues of a store. They are hints: what is missed while it is
 * down is made up for by waking everybody when it is back, and by the workers' own polling. A connection that only
 * looks alive is found by asking it now and then.
 */
export class RedisListener {
  readonly #source: RedisClient | RedisAddress;
  readonly #channel: (queue: string) => string;
  readonly #wakers = new Map<string, { readonly queue: string; readonly wakes: Set<Wake> }>();
  readonly #hearers = new Map<string, (message: string) => void>();
  #client: RedisClient | undefined;
  #watch: NodeJS.Timeout | undefined;
  readonly #closing = new AbortController();

  constructor(source: RedisClient | RedisAddress, channel: (queue: string) => string) {
    this.#source = source;
    this.#channel = channel;
  }

  /** Listens to queues. Resolves when it does, or rejects when there is no connection. */
  async add(queues: readonly string[], wake: Wake): Promise<AsyncDisposable> {
    const client = await this.#ready();
    const fresh: string[] = [];
    // A function of its own, so that two listeners may share one.
    const own: Wake = (queue) => wake(queue);
    for (const queue of new Set(queues)) {
      const channel = this.#channel(queue);
      const known = this.#wakers.get(channel);
      if (known) known.wakes.add(own);
      else {
        this.#wakers.set(channel, { queue, wakes: new Set([own]) });
        fresh.push(channel);
      }
    }
    // Subscribed again even when it is known: the first subscription may still be under way.
    await subscribed(client, new Set(queues.map(this.#channel)));
    return { [Symbol.asyncDispose]: async () => this.#remove(queues, own) };
  }

  /** Listens to a channel that nobody else of this process listens to. */
  async hear(channel: string, take: (message: string) => void): Promise<AsyncDisposable> {
    const client = await this.#ready();
    this.#hearers.set(channel, take);
    await subscribed(client, [channel]);
    return {
      [Symbol.asyncDispose]: async () => {
        if (this.#hearers.get(channel) !== take) return;
        this.#hearers.delete(channel);
        this.#unsubscribe(channel);
      },
    };
  }

  close(): void {
    this.#closing.abort(closed());
    clearInterval(this.#watch);
    this.#wakers.clear();
    this.#hearers.clear();
    this.#client?.disconnect();
  }

  #remove(queues: readonly string[], own: Wake): void {
    for (const queue of queues) {
      const channel = this.#channel(queue);
      const known = this.#wakers.get(channel);
      if (known?.wakes.delete(own) !== true || known.wakes.size > 0) continue;
      this.#wakers.delete(channel);
      this.#unsubscribe(channel);
    }
  }

  /** Not waited for: a server that hangs must not hold up closing. */
  #unsubscribe(channel: string): void {
    const client = this.#client;
    if (client !== undefined && isReady(client)) client.unsubscribe(channel).catch(() => undefined);
  }

  get #channels(): string[] {
    return [...this.#wakers.keys(), ...this.#hearers.keys()];
  }

  async #ready(): Promise<RedisClient> {
    this.#client ??= this.#open();
    const client = this.#client;
    await becomesReady(client, CONNECT_MS, this.#closing.signal);
    return client;
  }

  #open(): RedisClient {
    const client = openClient(this.#source);
    client.on('message', (channel: string, message: string) => {
      this.#hearers.get(channel)?.(message);
      const known = this.#wakers.get(channel);
      if (known) for (const wake of known.wakes) wake(known.queue);
    });
    client.on('ready', () => void this.#resume(client));
    this.#watch = setInterval(() => void this.#check(client), WATCH_MS);
    this.#watch.unref();
    return client;
  }

  /** Listens again after the connection was lost. */
  async #resume(client: RedisClient): Promise<void> {
    const channels = this.#channels;
    if (channels.length === 0) return;
    try {
      await client.subscribe(...channels);
    } catch {
      return; // lost again: `ready` comes again
    }
    for (const { queue, wakes } of this.#wakers.values()) for (const wake of wakes) wake(queue);
  }

  async #check(client: RedisClient): Promise<void> {
    if (!isReady(client) || this.#closing.signal.aborted) return;
    const channels = this.#channels;
    if (channels.length === 0) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), ANSWER_MS);
      timer.unref();
    });
    // Subscribing again is a question that every protocol version allows here.
    const answered = client.subscribe(...channels).then(
      () => 'alive',
      () => 'lost',
    );
    if ((await Promise.race([answered, late])) === 'late') client.disconnect(true);
    clearTimeout(timer);
  }
}

/** Listens to channels; the connection may be lost meanwhile. */
async function subscribed(client: RedisClient, channels: Iterable<string>): Promise<void> {
  await client.subscribe(...channels).catch((error: unknown) => {
    throw refused(error);
  });
}
