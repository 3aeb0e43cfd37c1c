import { randomBytes } from 'node:crypto';
import { QueueError } from '../../errors.js';
import type { Logger } from '../../logger.js';
import type {
  Alteration,
  ClaimedTask,
  Edit,
  EnqueueOutcome,
  EventPage,
  EventsRequest,
  ExchangeReply,
  ExchangeRequest,
  NewTask,
  PageRequest,
  QueueMinute,
  QueuePage,
  QueuePatch,
  QueueStats,
  QueueStore,
  ScheduleFilter,
  ScheduleOp,
  SchedulePage,
  ScheduleRecord,
  StoreFeature,
  StoreTraits,
  SweepReport,
  TaskFilter,
  TaskRecord,
} from '../../store.js';
import { areNames, COMMON_FEATURES, checkBatch, refuseTransaction } from '../common.js';
import { Handovers } from '../handovers.js';
import { alterTasks, findTasks } from './admin.js';
import type { RedisAddress, RedisClient } from './client.js';
import { ANSWER_MS, RedisConnection, type ReplyForm } from './connection.js';
import { minutesReply, readEvents } from './journal.js';
import { RedisListener } from './listener.js';
import { SERVER_CLOCK } from './lua/head.js';
import { claimedOf, enqueueReply, exchangeReply, sweepReply } from './replies.js';
import { enqueueArgs, enqueueOneArgs, exchangeArgs, patchArg } from './requests.js';
import { RedisSchedules } from './schedules.js';
import type { Script } from './script.js';
import { type Scripts, scripts } from './scripts.js';
import { checkLayout, checkServer } from './server-check.js';
import { statsReply } from './stats.js';
import { Tokens } from './tokens.js';

/** What a {@link RedisStore} is made of. */
export interface RedisStoreParts {
  readonly source: RedisClient | RedisAddress;
  readonly prefix: string;
  readonly logger: Logger;
  /** The Lua statement that sets the scripts' clock. @defaultValue the server's */
  readonly clock?: string;
  /** How long a call may take. @defaultValue 10 seconds */
  readonly answerMs?: number;
}

const FEATURES: readonly StoreFeature[] = [...COMMON_FEATURES, 'handover'];

/** Tasks in Redis. */
export class RedisStore implements QueueStore {
  readonly name = 'redis';
  readonly #connection: RedisConnection;
  readonly #listener: RedisListener;
  readonly #base: string;
  readonly #logger: Logger;
  readonly #scripts: Scripts;
  readonly #schedules: RedisSchedules;
  readonly #tokens = new Tokens(randomBytes(6).toString('hex'));
  readonly #handovers = new Handovers();
  readonly #features: readonly StoreFeature[];
  #durable: 'async' | 'commit' = 'async';
  #migration: Promise<void> | undefined;
  #closed = false;

  constructor(parts: RedisStoreParts) {
    const { source, prefix, logger, clock = SERVER_CLOCK, answerMs = ANSWER_MS } = parts;
    this.#connection = new RedisConnection(source, answerMs);
    // In a Cluster, publishing tells only how many listen at the same node: whether a worker is there is not known.
    const isCluster = 'isCluster' in source && source.isCluster === true;
    this.#features = isCluster ? FEATURES.filter((feature) => feature !== 'handover') : FEATURES;
    this.#base = `${prefix}:{${prefix}:queue}`;
    this.#listener = new RedisListener(source, (queue) => `${this.#base}:wake:${queue}`);
    this.#logger = logger;
    this.#scripts = scripts(clock);
    const run = (script: Script, args: readonly (string | number)[]): Promise<unknown> =>
      this.#run(script, args);
    this.#schedules = new RedisSchedules(this.#scripts, run);
  }

  /** `durable` is `commit` once a server that writes to the disk before it answers was seen, by {@link migrate}. */
  get traits(): StoreTraits {
    return { durable: this.#durable, transactional: false, push: true, features: this.#features };
  }

  /** Connects, and looks at what the server may lose. There is nothing to make beforehand. */
  async migrate(): Promise<void> {
    this.#open();
    this.#migration ??= this.#look();
    return this.#migration;
  }

  async enqueue(
    tasks: readonly NewTask[],
    options?: { readonly tx?: undefined },
  ): Promise<EnqueueOutcome[]> {
    this.#open();
    refuseTransaction(this.name, options?.tx);
    checkBatch(tasks);
    const [first] = tasks;
    if (first === undefined) return [];
    const one = tasks.length === 1 ? enqueueOneArgs(first) : undefined;
    if (one !== undefined && (await this.#run(this.#scripts.enqueueOne, one)) === 1) {
      return [{ outcome: 'added', id: first.id }];
    }
    return enqueueReply(await this.#run(this.#scripts.enqueue, enqueueArgs(tasks)), tasks);
  }

  async exchange(request: ExchangeRequest): Promise<ExchangeReply> {
    this.#open();
    const { worker, claim } = request;
    const ticket = this.#tokens.begin(worker);
    const { token, answered } = ticket;
    try {
      const heard = this.#handovers.begin(worker, token, claim.park === true && claim.limit > 0);
      const { args, places } = exchangeArgs(request, { token, answered, heard });
      const reply = await this.#run(this.#scripts.exchange, args, 'callBuffer');
      ticket.answer();
      this.#handovers.answered(worker, ticket.isAfter);
      return exchangeReply(reply, request, places);
    } finally {
      ticket.end();
      this.#handovers.ended(worker, token);
    }
  }

  async onWake(queues: readonly string[], wake: (queue: string) => void): Promise<AsyncDisposable> {
    this.#open();
    return this.#listener.add(queues, wake);
  }

  async onHandover(
    worker: string,
    take: (claimed: readonly ClaimedTask[]) => void,
  ): Promise<AsyncDisposable> {
    this.#open();
    return this.#listener.hear(`${this.#base}:hand:${worker}`, (message) => {
      const [token, number, segments] = JSON.parse(message) as [string, number, unknown[]];
      if (this.#handovers.hear(worker, token, number)) take(claimedOf(segments));
    });
  }

  async sweep(limit: number): Promise<SweepReport> {
    this.#open();
    const reply = await this.#run(this.#scripts.sweep, [limit, Math.random()]);
    const fired = await this.#schedules.fire(limit);
    return sweepReply(reply, fired);
  }

  async find(filter: TaskFilter, page: PageRequest): Promise<TaskRecord[]> {
    this.#open();
    return findTasks(this.#admin, filter, page);
  }

  async stats(queues?: readonly string[] | QueuePage): Promise<QueueStats[]> {
    this.#open();
    if (!areNames(queues)) return this.#statsPage(queues);
    if (queues?.length === 0) return [];
    const reply = await this.#run(this.#scripts.stats, [...new Set(queues ?? [])]);
    return statsReply(reply, queues === undefined);
  }

  /** Names are few beside tasks; only queues of the page are counted. */
  async #statsPage({ after, limit }: QueuePage): Promise<QueueStats[]> {
    const names = (await this.#admin.queues()).sort();
    const found: QueueStats[] = [];
    let at = after === undefined ? 0 : names.findIndex((name) => name > after);
    while (at >= 0 && at < names.length && found.length < limit) {
      const part = names.slice(at, at + limit - found.length);
      found.push(...statsReply(await this.#run(this.#scripts.stats, part), true));
      at += part.length;
    }
    return found;
  }

  async alter(filter: TaskFilter, change: Alteration, limit: number): Promise<string[]> {
    this.#open();
    return alterTasks(this.#admin, filter, change, limit);
  }

  async edit(filter: TaskFilter, change: Edit, limit: number): Promise<string[]> {
    this.#open();
    return alterTasks(this.#admin, filter, change, limit);
  }

  async control(queue: string, patch: QueuePatch): Promise<void> {
    this.#open();
    await this.#run(this.#scripts.control, [queue, patchArg(patch)]);
  }

  async schedule(ops: readonly ScheduleOp[]): Promise<(ScheduleRecord | null)[]> {
    this.#open();
    return this.#schedules.apply(ops);
  }

  async schedules(filter: ScheduleFilter, page?: SchedulePage): Promise<ScheduleRecord[]> {
    this.#open();
    return this.#schedules.list(filter, page);
  }

  async events(request: EventsRequest): Promise<EventPage> {
    this.#open();
    return readEvents(
      async (after, count) => this.#run(this.#scripts.events, [after, count]),
      request,
      () => this.#closed,
    );
  }

  async minutes(queue: string, fromMs: number, toMs: number): Promise<QueueMinute[]> {
    this.#open();
    return minutesReply(await this.#run(this.#scripts.minutes, [queue, fromMs, toMs]));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#listener.close();
    this.#connection.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  get #admin(): Parameters<typeof findTasks>[0] {
    return {
      scripts: this.#scripts,
      run: (script, args) => this.#run(script, args),
      queues: async () =>
        (await this.#connection.call('smembers', [`${this.#base}:queues`])) as string[],
    };
  }

  #run(
    script: Script,
    args: readonly (string | number)[],
    call: ReplyForm = 'call',
  ): Promise<unknown> {
    return this.#connection.run(script, this.#base, args, call);
  }

  #open(): void {
    if (this.#closed) throw new QueueError('QUEUE_CLOSED', 'The Redis store is closed');
  }

  async #look(): Promise<void> {
    try {
      await this.#connection.call('ping');
      await checkLayout(this.#connection, this.#base);
      this.#durable = await checkServer(this.#connection, this.#logger);
    } catch (error) {
      this.#migration = undefined; // the next call tries again
      throw error;
    }
  }
}
