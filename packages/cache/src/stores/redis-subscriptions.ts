import type { StoreInvalidation, StoreListener, StoreSubscription } from '../store.js';
import type { RedisClient } from './redis-client.js';
import { unavailable } from './redis-connection.js';

const ignore = (): void => {};

/** The invalidation channels of a store, on one connection of their own that is opened at the first subscription. */
export class RedisSubscriptions {
  readonly #main: () => Promise<RedisClient>;
  readonly #listeners = new Map<string, Set<StoreListener>>();
  readonly #heartbeatMs: number;
  #opening: Promise<RedisClient> | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #unanswered = false;
  #closed = false;

  /**
   * @param main - gives the client to duplicate
   * @param heartbeatMs - after that long, up to twice, a connection that is silently dead is given up
   */
  constructor(main: () => Promise<RedisClient>, heartbeatMs: number) {
    this.#main = main;
    this.#heartbeatMs = heartbeatMs;
  }

  async add(channel: string, listener: StoreListener): Promise<StoreSubscription> {
    const opening = this.#opening ?? this.#open();
    this.#opening = opening;
    let client: RedisClient;
    try {
      client = await opening;
    } catch (err) {
      // Others who waited for it may have begun another one.
      if (this.#opening === opening) this.#opening = undefined;
      throw err;
    }
    const listeners = this.#listeners.get(channel) ?? new Set();
    this.#listeners.set(channel, listeners.add(listener));
    // While there is no connection this waits for the next one: `ready` subscribes to every channel.
    if (client.status === 'ready') await this.#subscribe(client, channel, [listener]);
    return {
      close: async () => this.#remove(client, channel, listener),
      // Answered on the connection on which messages arrive: what was published before is heard before.
      sync: async () => {
        if (client.status !== 'ready') throw unavailable(client.status);
        await client.ping();
      },
    };
  }

  async #open(): Promise<RedisClient> {
    const client = (await this.#main()).duplicate();
    client.on('error', ignore);
    client.on('message', (channel: string, message: string) => this.#dispatch(channel, message));
    client.on('close', () => this.#each((listener) => listener.onDisconnect()));
    client.on('ready', () => {
      this.#unanswered = false;
      for (const [channel, listeners] of this.#listeners) {
        this.#subscribe(client, channel, [...listeners]).catch(ignore);
      }
    });
    if (client.status === 'wait') {
      await client.connect().catch((err: unknown) => {
        client.disconnect();
        throw err;
      });
    }
    if (this.#closed) client.disconnect();
    else this.#heartbeat = setInterval(() => this.#beat(client), this.#heartbeatMs).unref();
    return client;
  }

  /** Nothing arrives on this connection while nothing is published, so silence alone says nothing: it is asked. */
  #beat(client: RedisClient): void {
    if (client.status !== 'ready') return;
    if (this.#unanswered) {
      this.#each((listener) => listener.onDisconnect());
      client.disconnect(true);
      return;
    }
    this.#unanswered = true;
    client.ping().then(() => {
      this.#unanswered = false;
    }, ignore);
  }

  async #subscribe(
    client: RedisClient,
    channel: string,
    listeners: readonly StoreListener[],
  ): Promise<void> {
    await client.subscribe(channel);
    for (const listener of listeners) listener.onConnect();
  }

  #remove(client: RedisClient, channel: string, listener: StoreListener): void {
    const listeners = this.#listeners.get(channel);
    if (listeners?.delete(listener) !== true || listeners.size > 0) return;
    this.#listeners.delete(channel);
    // Not waited for: a server that hangs must not hold up closing.
    if (client.status === 'ready') client.unsubscribe(channel).catch(ignore);
  }

  #each(notify: (listener: StoreListener) => void): void {
    for (const listeners of this.#listeners.values()) for (const one of listeners) notify(one);
  }

  #dispatch(channel: string, message: string): void {
    const invalidation = parse(message);
    if (invalidation === undefined) return;
    for (const listener of this.#listeners.get(channel) ?? []) listener.onInvalidate(invalidation);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#heartbeat);
    this.#listeners.clear();
    const client = await this.#opening?.catch(ignore);
    client?.disconnect();
  }
}

/** `undefined` for what another program published. */
function parse(message: string): StoreInvalidation | undefined {
  try {
    const { origin, keys, tags, released } = JSON.parse(message) as Record<string, unknown>;
    if (typeof origin !== 'string' || !(keys === 'all' || isStrings(keys))) return undefined;
    if (tags !== undefined && !isStrings(tags)) return undefined;
    if (released !== undefined && !isStrings(released)) return undefined;
    return { origin, keys, tags, released };
  } catch {
    return undefined;
  }
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}
