import { setTimeout } from 'node:timers/promises';
import type { AppLogger } from '@holdfast/observability';
import {
  type AnyTaskDefinition,
  type BatchHandler,
  createQueue,
  createWorker,
  defineTask,
  handle,
  type Queue,
  type QueueStore,
  type TaskContext,
  type ThreadHandler,
  type Worker,
} from '@holdfast/queue';
import { postgresStore } from '@holdfast/queue/postgres';
import type { SqlDatabase, SqlTransaction } from '@holdfast/sql';
import { z } from 'zod';
import { countDeliveries } from '../operations/delivery-statistics.js';
import type { NotifyOperator } from '../operations/notify-operator.js';
import { reportTrends } from '../operations/trends.js';

/** Somebody must look at a message: written in the transaction that answers it. */
export const escalationNotify = defineTask('escalation.notify', {
  payload: z.object({
    message_id: z.string(),
    session_id: z.string(),
    client_id: z.string(),
    platform: z.string().nullable(),
    chat_id: z.string().nullable(),
    category: z.string(),
    confidence: z.number(),
    reason: z.string(),
    request_id: z.string().nullable(),
  }),
  timeout: '30s',
});

/** Forgets what has run out. */
export const maintenancePrune = defineTask('maintenance.prune', {
  payload: z.strictObject({}),
  timeout: '5m',
});

const CONCURRENCY = { min: 4, max: 32 };
const PROBE_MAX_MS = 60_000;

const probePayload = z.strictObject({
  take_ms: z.int().min(0).max(PROBE_MAX_MS).default(0),
  steps: z.int().min(1).max(100).default(1),
  fail_attempts: z.int().min(0).max(100).default(0),
  result: z.unknown().optional(),
});

/** Shows that the queue works: takes some time, reports its steps, fails as often as it is told. */
export const queueProbe = defineTask('queue.probe', {
  payload: probePayload,
  retry: { attempts: 3, initial: '50ms', max: '1s' },
  timeout: '2m',
});

/** Every task of the queue, as an operator may enqueue it. */
export const DEFINITIONS: readonly AnyTaskDefinition[] = [
  escalationNotify,
  maintenancePrune,
  reportTrends,
  countDeliveries,
  queueProbe,
];

/** The payload of {@link escalationNotify}. */
export interface Escalation {
  readonly message_id: string;
  readonly session_id: string;
  readonly client_id: string;
  readonly platform: string | null;
  readonly chat_id: string | null;
  readonly category: string;
  readonly confidence: number;
  readonly reason: string;
  readonly request_id: string | null;
}

/** The queue `operations` and its store. */
export interface ComposedQueue {
  readonly queue: Queue<SqlTransaction>;
  readonly store: QueueStore<SqlTransaction>;
}

/** Makes the queue of the work that messages and time cause. */
export async function composeQueue(db: SqlDatabase, logger: AppLogger): Promise<ComposedQueue> {
  const store = postgresStore(db);
  await store.migrate();
  const queue = createQueue('operations', {
    store,
    tasks: DEFINITIONS,
    logger: logger.child({ module: 'queue' }),
  });
  return { queue, store };
}

/** What the handlers of the queue do. */
export interface OperationsHandlers {
  readonly notifyOperator: NotifyOperator;
  /** Forgets what has run out; gives what it forgot, for the log. */
  readonly prune: () => Promise<object>;
  /** Makes a report of what clients write about. */
  readonly trends: ThreadHandler;
  /** Adds to the statistics of deliveries. */
  readonly countDeliveries: BatchHandler;
}

/** Makes the worker of the queue. It does nothing before `start()`. */
export function composeWorker(
  queue: Queue<SqlTransaction>,
  handlers: OperationsHandlers,
  logger: AppLogger,
): Worker {
  const log = logger.child({ module: 'operations' });
  return createWorker(
    queue,
    [
      handle(escalationNotify, async (escalation, { id, signal }) => {
        await handlers.notifyOperator(escalation, { id, signal });
      }),
      handle(maintenancePrune, async (_, { headers }) => {
        const forgotten = await handlers.prune();
        log.info({ due: headers['schedule-at'], ...forgotten }, 'pruned');
      }),
      handlers.trends,
      handlers.countDeliveries,
      handle(queueProbe, runProbe),
    ],
    // Most tasks wait for others; how many may do so at once is found out as it goes.
    { logger, concurrency: CONCURRENCY },
  );
}

async function runProbe(
  { take_ms: takeMs, steps, fail_attempts: failAttempts, result }: z.output<typeof probePayload>,
  { attempt, signal, progress }: TaskContext,
): Promise<unknown> {
  for (let step = 1; step <= steps; step++) {
    if (takeMs > 0) await setTimeout(takeMs / steps, undefined, { signal });
    progress({ step, steps });
  }
  if (attempt <= failAttempts) throw new Error(`The probe fails, as it was told: ${attempt}`);
  return result ?? null;
}

/**
 * Has the queue do what is due at certain hours. Every process that works may say so at its start: the workers fire a
 * run once, however many they are.
 */
export async function scheduleOperations(queue: Queue<SqlTransaction>): Promise<void> {
  const hourly = { overlap: 'skip' } as const;
  await queue.schedule('maintenance.prune', maintenancePrune, {}, { cron: '0 * * * *', ...hourly });
  await queue.schedule('report.trends', reportTrends, {}, { cron: '10 * * * *', ...hourly });
}
