import { QueueError } from '../errors.js';
import { requireFeature } from '../features.js';
import { shown, textOption } from '../options.js';
import type { ScheduleStore } from '../schedule/put.js';
import { listSchedulesSchema } from '../schemas/schedules.js';
import type { AlterationBase, EnqueueOutcome, ScheduleOp, ScheduleRecord } from '../store.js';
import { decodeNames, encodeNames, parsedText } from '../task-info.js';
import { uuidv7 } from '../uuid.js';
import { parse } from './parse.js';
import type { ListSchedulesInput, ScheduleInfo, ScheduleList } from './schedule-data.js';
import type { AdminStore } from './tasks.js';

const isoOrNull = (ms: number | null | undefined): string | null =>
  ms == null ? null : new Date(ms).toISOString();

/** Schedules by queue and id. */
export async function listSchedules(
  store: ScheduleStore,
  input: ListSchedulesInput,
): Promise<ScheduleList> {
  requireFeature(store, 'schedules', 'Schedules');
  const { queue, limit, cursor } = parse(listSchedulesSchema, input);
  const [inQueue = '', id = ''] = cursor ? decodeNames(cursor, 2) : [];
  const page = { limit: limit + 1, ...(cursor ? { after: { queue: inQueue, id } } : {}) };
  const records = (await store.schedules?.(queue === undefined ? {} : { queue }, page)) ?? [];
  const items = records.slice(0, limit).map(toScheduleInfo);
  const last = items.at(-1);
  const more = records.length > limit && last !== undefined;
  return { items, nextCursor: more ? encodeNames(last.queue, last.id) : null };
}

/** @throws QueueError `QUEUE_SCHEDULE_NOT_FOUND` */
export async function getSchedule(
  store: ScheduleStore,
  queue: string,
  id: string,
): Promise<ScheduleInfo> {
  return toScheduleInfo(await recordOf(store, queue, id));
}

async function recordOf(store: ScheduleStore, queue: string, id: string): Promise<ScheduleRecord> {
  requireFeature(store, 'schedules', 'Schedules');
  const wanted = { queue: textOption('queue', queue), ids: [textOption('id', id)] };
  const [record] = (await store.schedules?.(wanted)) ?? [];
  if (record === undefined) throw notFound(queue, id);
  return record;
}

/** @throws QueueError `QUEUE_SCHEDULE_NOT_FOUND` */
export async function triggerSchedule(
  store: ScheduleStore & Pick<AdminStore, 'enqueue'>,
  queue: string,
  id: string,
  { by, reason }: AlterationBase,
): Promise<EnqueueOutcome> {
  const record = await recordOf(store, queue, id);
  const headers = {
    ...record.task.headers,
    'schedule-id': id,
    ...(by === undefined ? {} : { 'triggered-by': by }),
    ...(reason === undefined ? {} : { 'trigger-reason': reason }),
  };
  const task = { ...record.task, headers, id: uuidv7(), queue, when: { delayMs: 0 } };
  const [outcome] = await store.enqueue([task]);
  if (outcome === undefined)
    throw new QueueError('QUEUE_STORE_UNAVAILABLE', 'The store gave no outcome');
  return outcome;
}

const notFound = (queue: string, id: string): QueueError =>
  new QueueError('QUEUE_SCHEDULE_NOT_FOUND', `Queue ${queue} has no schedule ${shown(id)}`);

/** @throws QueueError `QUEUE_SCHEDULE_NOT_FOUND` */
export async function changeSchedule(
  store: ScheduleStore,
  { kind, queue, id, ...who }: Exclude<ScheduleOp, { kind: 'upsert' }>,
): Promise<ScheduleInfo> {
  requireFeature(store, 'schedules', 'Schedules');
  const name = { queue: textOption('queue', queue), id: textOption('id', id) };
  const [old] = (await store.schedules?.({ queue, ids: [id] })) ?? [];
  const [record] = (await store.schedule?.([{ kind, ...name, ...who }])) ?? [];
  const changed = kind === 'remove' ? old : record;
  if (!changed) throw notFound(queue, id);
  return toScheduleInfo(changed);
}

function toScheduleInfo(record: ScheduleRecord): ScheduleInfo {
  const { queue, id, timing, missed, task, paused, nextRunAt, lastRunAt, untilMs, runs } = record;
  const when =
    'cron' in timing
      ? { cron: timing.cron, timeZone: timing.timeZone }
      : { everyMs: timing.everyMs };
  return {
    queue,
    id,
    task: task.name,
    payload: parsedText(task.payload),
    ...when,
    missed: missed.policy,
    paused,
    nextRunAt: isoOrNull(nextRunAt),
    lastRunAt: isoOrNull(lastRunAt),
    until: isoOrNull(untilMs),
    runs,
  };
}
