import { QueueError } from '../../errors.js';
import { priorityRefused } from '../common.js';
import { isReady, openClient, type RedisAddress, type RedisClient } from './client.js';
import type { Script } from './script.js';

/** How long a call waits for a connection to come up, before it fails. */
const CONNECT_MS = 5_000;
/** How long a call waits for its answer. */
export const ANSWER_MS = 10_000;

/** Texts of an answer as such, or as bytes. */
export type ReplyForm = 'call' | 'callBuffer';

/** A call without an answer yet. */
interface Waiting {
  readonly client: RedisClient;
  readonly sentAt: number;
  readonly reject: (error: unknown) => void;
}

/** The connection for commands. Opened with the first of them, kept until it is closed. */
export class RedisConnection {
  readonly #source: RedisClient | RedisAddress;
  readonly #answerMs: number;
  #client: RedisClient | undefined;
  #connecting: Promise<void> | undefined;
  #heardAt = 0;
  /** Calls without an answer yet, the oldest first. */
  readonly #waiting = new Set<Waiting>();
  #timer: NodeJS.Timeout | undefined;
  readonly #closing = new AbortController();

  constructor(source: RedisClient | RedisAddress, answerMs: number) {
    this.#source = source;
    this.#answerMs = answerMs;
  }

  /** Runs a script, or what stands in for it when the server's memory is full: nothing was done then. */
  async run(
    script: Script,
    key: string,
    args: readonly (string | number)[],
    call: ReplyForm = 'call',
  ): Promise<unknown> {
    try {
      return await this.#evaluate(script, key, args, call);
    } catch (error) {
      if (script.whenFull === undefined || !isFull(error)) throw refused(error);
    }
    return this.#evaluate(script.whenFull, key, args, call).catch((error: unknown) => {
      throw refused(error);
    });
  }

  /** Runs a script by its name; gives the server its text when it does not know it. */
  async #evaluate(
    script: Script,
    key: string,
    args: readonly (string | number)[],
    call: ReplyForm,
  ): Promise<unknown> {
    const client = this.#connected() ?? (await this.#ready());
    const evaluated = client[call]('evalsha', [script.sha, 2, key, never(key), ...args]);
    try {
      return await this.#answer(client, evaluated);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
    }
    return this.#answer(client, client[call]('eval', [script.source, 2, key, never(key), ...args]));
  }

  /** Runs a command. */
  async call(command: string, args: (string | number)[] = []): Promise<unknown> {
    const client = await this.#ready();
    return this.#answer(client, client.call(command, args)).catch((error: unknown) => {
      throw refused(error);
    });
  }

  close(): void {
    this.#closing.abort(closed());
    this.#client?.disconnect();
  }

  /** The client, if it can be used at once: a promise would only be waited for. */
  #connected(): RedisClient | undefined {
    this.#closing.signal.throwIfAborted();
    return this.#client !== undefined && isReady(this.#client) ? this.#client : undefined;
  }

  /** The client, connected. */
  async #ready(): Promise<RedisClient> {
    this.#closing.signal.throwIfAborted();
    this.#client ??= openClient(this.#source);
    const client = this.#client;
    if (!isReady(client)) {
      // One wait for all calls that come meanwhile.
      this.#connecting ??= becomesReady(client, CONNECT_MS, this.#closing.signal).finally(() => {
        this.#connecting = undefined;
      });
      await this.#connecting;
    }
    this.#closing.signal.throwIfAborted();
    return client;
  }

  /** The next call makes a new connection. */
  #abandon(client: RedisClient): void {
    client.disconnect();
    if (this.#client !== client) return;
    this.#client = undefined;
    this.#connecting = undefined;
  }

  /** An answer in time, or an error. */
  #answer(client: RedisClient, call: Promise<unknown>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const waiting = { client, sentAt: Date.now(), reject };
      this.#waiting.add(waiting);
      this.#timer ??= this.#watch(this.#answerMs);
      call.then(
        (result) => {
          this.#waiting.delete(waiting);
          this.#heardAt = Date.now();
          resolve(result);
        },
        (error: unknown) => {
          this.#waiting.delete(waiting);
          reject(error);
        },
      );
    });
  }

  /** One timer for all calls, for the oldest of them: most are answered long before it goes off. */
  #watch(ms: number): NodeJS.Timeout {
    return setTimeout(() => {
      const now = Date.now();
      this.#timer = undefined;
      for (const waiting of this.#waiting) {
        const left = waiting.sentAt + this.#answerMs - now;
        if (left > 0) {
          this.#timer = this.#watch(left);
          return;
        }
        this.#waiting.delete(waiting);
        // Nothing was heard since: the connection may be dead, and a new one may do better.
        if (this.#heardAt <= waiting.sentAt) this.#abandon(waiting.client);
        waiting.reject(unavailable(`no answer within ${this.#answerMs} ms`));
      }
    }, ms).unref();
  }
}

/**
 * The second key of every script. Neither exists. While a slot of a Cluster moves, its node refers who asks for keys
 * that it does not have to the new node, and that one refuses who asks for several and not all there (TRYAGAIN): no
 * script runs on a half of the tasks. A single key would let it.
 */
const never = (key: string): string => `${key}:none`;

/** Waits until a client has a connection, however often it has to try. */
export async function becomesReady(
  client: RedisClient,
  ms: number,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  if (isReady(client)) return;
  await new Promise<void>((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      client.off('ready', ready);
      client.off('end', ended);
      signal.removeEventListener('abort', aborted);
    };
    const aborted = (): void => {
      stop();
      reject(signal.reason);
    };
    const ready = (): void => {
      stop();
      resolve();
    };
    const ended = (): void => {
      stop();
      reject(unavailable('the connection ended'));
    };
    const timer = setTimeout(() => {
      stop();
      reject(unavailable(`no connection within ${ms} ms`));
    }, ms);
    client.on('ready', ready);
    client.on('end', ended);
    signal.addEventListener('abort', aborted);
    if (client.status === 'wait' || client.status === 'end')
      client.connect().catch(() => undefined);
  });
}

const isFull = (error: unknown): boolean =>
  error instanceof Error && error.message.includes('OOM command not allowed');

/** What is said after the store was closed. */
export const closed = (): QueueError => new QueueError('QUEUE_CLOSED', 'The Redis store is closed');

const unavailable = (why: string, cause?: unknown): QueueError =>
  new QueueError('QUEUE_STORE_UNAVAILABLE', `Redis is not available: ${why}`, { cause });

/** What the caller is told of a failed call: what a script refused, or that the server cannot be used. */
export function refused(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof QueueError) return error;
  const conflict = /TASK_CONFLICT (\S+)/.exec(error.message);
  if (conflict) {
    return new QueueError('QUEUE_TASK_CONFLICT', `There is a task ${conflict[1]} already`);
  }
  const range = /PRIORITY_RANGE (\S+) (\S+) (\S+)/.exec(error.message);
  if (range) {
    const [priority = 0, min = 0, max = 0] = range.slice(1).map(Number);
    return priorityRefused({ min, max }, priority);
  }
  return unavailable(error.message, error);
}
