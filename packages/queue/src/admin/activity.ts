import { requireFeature } from '../features.js';
import { activitySchema, eventsInputSchema } from '../schemas/activity.js';
import type { EventsRequest, QueueMinute, QueueStore, StoredEvent } from '../store.js';
import { parsedText } from '../task-info.js';
import type {
  Activity,
  ActivityInput,
  ActivityMinute,
  EventInfo,
  EventList,
  EventsInput,
} from './activity-data.js';
import { parse } from './parse.js';

type Store = Omit<QueueStore, 'enqueue' | 'complete'>;

const HOUR_MS = 3_600_000;

/** Events of all processes. */
export async function readEvents(store: Store, input: EventsInput): Promise<EventList> {
  requireFeature(store, 'events', 'Events');
  const { after, queues, types, limit, waitMs } = parse(eventsInputSchema, input);
  const request: EventsRequest = {
    limit,
    waitMs,
    ...(after === undefined ? {} : { after }),
    ...(queues === undefined ? {} : { queues }),
    ...(types === undefined ? {} : { types }),
  };
  const page = await store.events?.(request);
  if (page === undefined) return { items: [], cursor: after ?? '', gap: false };
  return { items: page.events.map(toEventInfo), cursor: page.cursor, gap: page.gap };
}

function toEventInfo({ cursor, at, type, queue, subject, ...rest }: StoredEvent): EventInfo {
  const { progress, ...plain } = rest;
  const data = {
    ...plain,
    ...(progress === undefined ? {} : { progress: parsedText(progress) }),
  };
  return { id: cursor, at: new Date(at).toISOString(), type, queue, subject, data };
}

/** What a queue did, minute by minute. */
export async function readActivity(
  store: Store,
  queue: string,
  input: ActivityInput,
): Promise<Activity> {
  requireFeature(store, 'metrics', 'Activity');
  const { from, to } = parse(activitySchema, input);
  const [stats] = await store.stats([queue]);
  const toMs = to === undefined ? (stats?.now ?? Date.now()) + 1 : Date.parse(to);
  const fromMs = from === undefined ? toMs - HOUR_MS : Date.parse(from);
  const minutes = (await store.minutes?.(queue, fromMs, toMs)) ?? [];
  return { items: minutes.map(toMinute) };
}

function toMinute({ at, waitMs, runMs, ...counts }: QueueMinute): ActivityMinute {
  const ended = counts.completed + counts.failed + counts.dead;
  return {
    ...counts,
    at: new Date(at).toISOString(),
    waitMs: counts.started === 0 ? null : waitMs / counts.started,
    runMs: ended === 0 ? null : runMs / ended,
  };
}
