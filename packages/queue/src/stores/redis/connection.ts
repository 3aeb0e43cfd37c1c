import { QueueError } from '../../errors.js';
import { openClient, type RedisAddress, type RedisClient } from './client.js';
import type { Script } from './script.js';

/** How long a call waits for a connection to come up, before it fails. */
const CONNECT_MS = 5_000;
/** How long a call waits for its answer. */
const ANSWER_MS = 10_000;
/** How long after the last answer a connection with unanswered calls is taken for dead. */
const DEAD_MS = 8_000;

/** The connection for commands. Opened with the first of them, kept until it is closed. */
export class RedisConnection {
  readonly #source: RedisClient | RedisAddress;
  #client: RedisClient | undefined;
  #connecting: Promise<void> | undefined;
  #heardAt = 0;
  #closed = false;

  constructor(source: RedisClient | RedisAddress) {
    this.#source = source;
  }

  /** Runs a script by its name; gives the server its text when it does not know it. */
  async run(
    script: Script,
    key: string,
    args: readonly (string | number)[],
    answerMs: number = ANSWER_MS,
  ): Promise<unknown> {
    const client = await this.#ready();
    try {
      return await this.#answer(
        client,
        client.call('evalsha', [script.sha, 1, key, ...args]),
        answerMs,
      );
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw refused(error);
    }
    const call = client.call('eval', [script.source, 1, key, ...args]);
    return this.#answer(client, call, answerMs).catch((error: unknown) => {
      throw refused(error);
    });
  }

  /** Runs a command. */
  async call(command: string, args: (string | number)[] = []): Promise<unknown> {
    const client = await this.#ready();
    return this.#answer(client, client.call(command, args), ANSWER_MS).catch((error: unknown) => {
      throw refused(error);
    });
  }

  close(): void {
    this.#closed = true;
    this.#client?.disconnect();
  }

  /** The client, connected. */
  async #ready(): Promise<RedisClient> {
    if (this.#closed) throw closed();
    this.#client ??= openClient(this.#source);
    const client = this.#client;
    if (client.status !== 'ready') {
      // One wait for all calls that come meanwhile.
      this.#connecting ??= becomesReady(client, CONNECT_MS).finally(() => {
        this.#connecting = undefined;
      });
      await this.#connecting;
    }
    if (this.#closed) throw closed();
    return client;
  }

  /** An answer in time. A connection on which nothing is heard is given up: a new one may do better. */
  async #answer(client: RedisClient, call: Promise<unknown>, ms: number): Promise<unknown> {
    const sentAt = Date.now();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        if (this.#heardAt < sentAt || Date.now() - this.#heardAt >= DEAD_MS)
          client.disconnect(true);
        reject(unavailable(`no answer within ${ms} ms`));
      }, ms);
      timer.unref();
    });
    try {
      const result = await Promise.race([call, late]);
      this.#heardAt = Date.now();
      return result;
    } catch (error) {
      call.catch(() => undefined);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Waits until a client has a connection, however often it has to try. */
export async function becomesReady(client: RedisClient, ms: number): Promise<void> {
  if (client.status === 'ready') return;
  await new Promise<void>((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      client.off('ready', ready);
      client.off('end', ended);
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
    if (client.status === 'wait' || client.status === 'end')
      client.connect().catch(() => undefined);
  });
}

const closed = (): QueueError => new QueueError('QUEUE_CLOSED', 'The Redis store is closed');

const unavailable = (why: string, cause?: unknown): QueueError =>
  new QueueError('QUEUE_STORE_UNAVAILABLE', `Redis is not available: ${why}`, { cause });

/** What the caller is told of a failed call: what a script refused, or that the server cannot be used. */
function refused(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof QueueError) return error;
  const conflict = /TASK_CONFLICT (\S+)/.exec(error.message);
  if (conflict) {
    return new QueueError('QUEUE_TASK_CONFLICT', `There is a task ${conflict[1]} already`);
  }
  return unavailable(error.message, error);
}
