import { QueueError } from '../errors.js';
import { requireFeature } from '../features.js';
import { type QueueSettings, toTemplate } from '../new-task.js';
import { invalidOption, knownOptions, textOption } from '../options.js';
import type { AlterationBase, NewSchedule, QueueStore, ScheduleRecord } from '../store.js';
import type { AnyTaskDefinition } from '../task.js';
import { whoOf } from '../who.js';
import { missedOf, SCHEDULE_OPTIONS, type ScheduleOptions, timeOf, timingOf } from './options.js';

/** What of a store schedules need. */
export type ScheduleStore = Pick<QueueStore, 'name' | 'traits' | 'schedule' | 'schedules'>;

/** A schedule as it is asked for. */
export interface ScheduleItem {
  readonly id: string;
  readonly task: AnyTaskDefinition;
  readonly payload: unknown;
  readonly options: ScheduleOptions;
}

/** Makes or changes a schedule of a queue. */
export async function putSchedule(
  store: ScheduleStore,
  settings: QueueSettings,
  { id, task, payload, options }: ScheduleItem,
): Promise<ScheduleRecord> {
  requireFeature(store, 'schedules', 'A schedule');
  knownOptions('options', options, SCHEDULE_OPTIONS);
  const { until, overlap = 'allow', missed, by, reason, ...placement } = options ?? {};
  if (overlap !== 'allow' && overlap !== 'skip') {
    throw invalidOption('options.overlap', "'allow' or 'skip'", overlap);
  }
  const who = changeOf({ by, reason });
  const timing = timingOf(placement);
  const template = await toTemplate({ task, payload, placement }, settings);
  if (template.group !== undefined) requireFeature(store, 'groups', 'A group');
  const name = textOption('id', id);
  const key = { value: `schedule ${name}`, ttlMs: 0 };
  const schedule: NewSchedule = {
    id: name,
    queue: settings.queue,
    timing,
    missed: missedOf(missed),
    task: overlap === 'skip' ? { ...template, key } : template,
    ...(until === undefined ? {} : { untilMs: timeOf('options.until', until) }),
  };
  const [record] = (await store.schedule?.([{ kind: 'upsert', schedule, ...who }])) ?? [];
  if (!record) throw new QueueError('QUEUE_STORE_UNAVAILABLE', 'The store kept no schedule');
  return record;
}

/** Who and why, checked. */
function changeOf({ by, reason }: Parameters<typeof whoOf>[0]): AlterationBase {
  if (by !== undefined) textOption('options.by', by);
  if (reason !== undefined) textOption('options.reason', reason, 1_000);
  return whoOf({ by, reason });
}

/** Removes a schedule. Whether there was one. */
export async function removeSchedule(
  store: ScheduleStore,
  queue: string,
  id: string,
  change: AlterationBase,
): Promise<boolean> {
  knownOptions('options', change, ['by', 'reason']);
  requireFeature(store, 'schedules', 'A schedule');
  const [old] = (await store.schedules?.({ queue, ids: [id] })) ?? [];
  await store.schedule?.([{ kind: 'remove', queue, id, ...changeOf(change) }]);
  return old !== undefined;
}
