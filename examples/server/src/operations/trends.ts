import type { MessagingAdmin } from '@holdfast/messaging';
import { defineTask, handleInThread, type ThreadHandler } from '@holdfast/queue';
import { z } from 'zod';

const HOUR_MS = 3_600_000;
const PAGE = 500;
/** Of more messages the newest count: a report stays within its time limit and a thread's memory. */
const MOST_MESSAGES = 20_000;

const payloadSchema = z.strictObject({ hours: z.int().min(1).max(168).default(24) });
const reportSchema = z.object({
  /** Messages of the window, and of the one before. */
  messages: z.int(),
  before: z.int(),
  /** What is said more often than before, the most surprising first; `score` is a log-likelihood ratio. */
  rising: z.array(
    z.object({ term: z.string(), messages: z.int(), before: z.int(), score: z.number() }),
  ),
});

/**
 * Which words came up: the messages of the last hours compared with those of as many hours before, so that an outage
 * or a broken release is seen by what clients write. The report is the task's result.
 */
export const reportTrends = defineTask('report.trends', {
  payload: payloadSchema,
  result: reportSchema,
  retry: { attempts: 3, initial: '10s' },
  timeout: '2m',
});

/** What the thread makes of {@link TrendsInput}. */
export type TrendsReport = z.output<typeof reportSchema>;

/** The texts of the window, and of the one before. */
export interface TrendsInput {
  readonly now: readonly string[];
  readonly before: readonly string[];
}

/** Reads the messages here, and hands them to a thread, for cutting them into words takes the processor. */
export function handleTrends(admin: Pick<MessagingAdmin, 'listMessages'>): ThreadHandler {
  const inThread = handleInThread(reportTrends, new URL('./find-trends.js', import.meta.url));
  return {
    ...inThread,
    run: async (payload, context) => {
      const { hours } = payloadSchema.parse(payload);
      const input = await readWindows(admin, hours * HOUR_MS, context.signal);
      context.progress({ read: input.now.length + input.before.length });
      return inThread.run(input, context);
    },
  };
}

async function readWindows(
  admin: Pick<MessagingAdmin, 'listMessages'>,
  windowMs: number,
  signal: AbortSignal,
): Promise<TrendsInput> {
  const end = Date.now();
  const windows: { now: string[]; before: string[] } = { now: [], before: [] };
  let cursor: string | null = null;
  for (let read = 0; read < MOST_MESSAGES; read += PAGE) {
    signal.throwIfAborted();
    const page: Awaited<ReturnType<MessagingAdmin['listMessages']>> = await admin.listMessages(
      {},
      { limit: PAGE, cursor },
    );
    for (const { text, createdAt } of page.items) {
      const age = end - createdAt.getTime();
      if (age < windowMs) windows.now.push(text);
      else if (age < 2 * windowMs) windows.before.push(text);
    }
    const oldest = page.items.at(-1)?.createdAt.getTime() ?? 0;
    if (page.nextCursor === null || end - oldest >= 2 * windowMs) break;
    cursor = page.nextCursor;
  }
  return windows;
}
