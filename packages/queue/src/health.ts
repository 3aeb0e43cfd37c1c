import type { QueueStore } from './store.js';

/** Health of a dependency. */
export interface HealthReport {
  status: 'healthy' | 'degraded' | 'unhealthy';
  details: Record<string, unknown>;
}

const ANSWER_WITHIN_MS = 2_000;

/** Asks the store for a queue's counts; no answer within two seconds is unhealthy. */
export async function storeHealth(
  store: Pick<QueueStore, 'name' | 'stats'>,
  queue: string,
): Promise<HealthReport> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`no answer within ${ANSWER_WITHIN_MS} ms`)),
      ANSWER_WITHIN_MS,
    );
  });
  try {
    const [stats] = await Promise.race([store.stats([queue]), late]);
    return {
      status: 'healthy',
      details: {
        queue,
        store: store.name,
        paused: stats?.paused ?? false,
        counts: stats?.counts ?? {},
      },
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { status: 'unhealthy', details: { queue, store: store.name, reason } };
  } finally {
    clearTimeout(timer);
  }
}
