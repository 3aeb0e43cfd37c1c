import type { Alteration, PageRequest, TaskFilter, TaskState } from '../../store.js';
import { SHARED_COLUMNS } from './tables.js';

/** A statement with its parameters. */
export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

const LIVE: readonly TaskState[] = ['ready', 'scheduled', 'leased'];
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Conditions over columns that both tables have. Built from what is asked, so that each can use its index. */
class Conditions {
  readonly values: unknown[] = [];
  readonly #parts: string[] = [];

  constructor(filter: TaskFilter) {
    // What is no UUID is the id of no task.
    if (filter.ids)
      this.add(
        'id = any(?::uuid[])',
        filter.ids.filter((id) => UUID.test(id)),
      );
    if (filter.queue !== undefined) this.add('queue = ?', filter.queue);
    if (filter.name !== undefined) this.add('name = ?', filter.name);
    if (filter.states) this.add('state = any(?::text[])', filter.states);
  }

  add(condition: string, value: unknown): void {
    this.#parts.push(condition.replace('?', this.param(value)));
  }

  param(value: unknown): string {
    return `$${this.values.push(value)}`;
  }

  toString(): string {
    return this.#parts.length === 0 ? 'true' : this.#parts.join(' and ');
  }
}

const LIVE_COLUMNS = `${SHARED_COLUMNS}, state, history, lease_until, null::text as result,
  null::timestamptz as finished_at, null::timestamptz as expires_at`;
const FINISHED_COLUMNS = `${SHARED_COLUMNS}, state, history, null::timestamptz as lease_until, result, finished_at,
  expires_at`;

/** A page of tasks over both tables. */
export function findStatement(s: string, filter: TaskFilter, page: PageRequest): Statement {
  const where = new Conditions(filter);
  const newest = page.order === 'newest';
  if (page.after !== undefined) where.add(newest ? 'id < ?::uuid' : 'id > ?::uuid', page.after);
  const tail = `order by id ${newest ? 'desc' : 'asc'} limit ${where.param(page.limit)}`;
  const states = filter.states ?? [...LIVE, 'dead'];
  const parts: string[] = [];
  if (states.some((state) => LIVE.includes(state))) {
    parts.push(`(select ${LIVE_COLUMNS} from ${s}.queue_task where ${where} ${tail})`);
  }
  if (states.some((state) => !LIVE.includes(state))) {
    parts.push(`(select ${FINISHED_COLUMNS} from ${s}.queue_finished where ${where} ${tail})`);
  }
  if (parts.length === 0)
    parts.push(`(select ${LIVE_COLUMNS} from ${s}.queue_task where false and ${where} ${tail})`);
  return { text: `select * from (${parts.join(' union all ')}) t ${tail}`, values: where.values };
}

const shared = (alias: string): string =>
  SHARED_COLUMNS.split(', ')
    .map((column) => `${alias}.${column}`)
    .join(', ');

/** The statement of an alteration: returns the ids it changed. */
export function alterStatement(
  s: string,
  filter: TaskFilter,
  change: Alteration,
  limit: number,
): Statement {
  const where = new Conditions(filter);
  const build = { redrive: redriveText, cancel: cancelText, remove: removeText }[change.kind];
  const text = build(s, where, where.param(limit), change);
  return { text, values: where.values };
}

/** A history entry made in the database, where the attempt and the epoch are known. */
function entry(kind: string, where: Conditions, { by, reason }: Alteration): string {
  return `json_strip_nulls(json_build_object('kind', '${kind}',
    'at', floor(extract(epoch from ${'c.now'}) * 1000)::bigint, 'attempt', g.attempts, 'epoch', g.epoch,
    'by', ${where.param(by ?? null)}::text, 'reason', ${where.param(reason ?? null)}::text))::text`;
}

function redriveText(s: string, where: Conditions, limit: string, change: Alteration): string {
  const columns = SHARED_COLUMNS.replace('attempts, ', '').replace('holder, run_at, ', '');
  const values = columns
    .split(', ')
    .map((column) => `g.${column}`)
    .join(', ');
  return `
with c as (select ${s}.queue_now() as now), picked as (
  select id from ${s}.queue_finished where state = 'dead' and ${where} order by id limit ${limit} for update
), gone as (
  delete from ${s}.queue_finished f using picked p where f.id = p.id returning f.*
), back as (
  insert into ${s}.queue_task (${columns}, state, run_at, history)
  select ${values}, 'ready', c.now, array_append(g.history, ${entry('redriven', where, change)})
  from gone g, c order by g.id
), woken as (
  select pg_notify('${s}_queue', q.queue) from (select distinct queue from gone) q
)
select id, (select count(*) from woken) from gone order by id`;
}

function cancelText(s: string, where: Conditions, limit: string, change: Alteration): string {
  const columns = SHARED_COLUMNS.replace('holder, ', '');
  const values = shared('g').replace('g.holder, ', '');
  return `
with c as (select ${s}.queue_now() as now), picked as (
  select id from ${s}.queue_task where state in ('ready', 'scheduled') and ${where}
  order by id limit ${limit} for update
), gone as (
  delete from ${s}.queue_task t using picked p where t.id = p.id returning t.*
), kept as (
  insert into ${s}.queue_finished (${columns}, state, history, finished_at, expires_at)
  select ${values}, 'cancelled', array_append(g.history, ${entry('cancelled', where, change)}), c.now,
    c.now + g.keep_completed_ms * interval '1 millisecond'
  from gone g, c where g.keep_completed_ms > 0
)
select id from gone order by id`;
}

function removeText(s: string, where: Conditions, limit: string): string {
  return `
with picked as (
  select id from (
    select id from ${s}.queue_task where state <> 'leased' and ${where}
    union all
    select id from ${s}.queue_finished where ${where}
  ) t order by id limit ${limit}
), live as (
  -- Looked at again: a worker may have claimed it since.
  delete from ${s}.queue_task t using picked p where t.id = p.id and t.state <> 'leased' returning t.id
), done as (
  delete from ${s}.queue_finished f using picked p where f.id = p.id returning f.id
), gone as (
  select id from live union all select id from done
), keys as (
  delete from ${s}.queue_key k using gone g where k.task_id = g.id
)
select id from gone order by id`;
}

/** Counts and settings of queues. */
export function statsStatement(s: string, queues: readonly string[] | undefined): Statement {
  const where = queues === undefined ? 'true' : 'queue = any($1::text[])';
  const text = `
with counted as (
  select queue, state, count(*) as count, min(run_at) filter (where state = 'ready') as oldest
  from ${s}.queue_task where ${where} group by queue, state
  union all
  select queue, state, count(*), null from ${s}.queue_finished where ${where} group by queue, state
), named as (
  select queue from counted union select queue from ${s}.queue_setting where ${where}
)
select n.queue, coalesce(q.paused, false) as paused, q.reason, q.by,
  coalesce(json_object_agg(c.state, c.count) filter (where c.state is not null), '{}') as counts,
  (extract(epoch from min(c.oldest)) * 1000)::float8 as oldest,
  (extract(epoch from ${s}.queue_now()) * 1000)::float8 as now
from named n left join counted c on c.queue = n.queue left join ${s}.queue_setting q on q.queue = n.queue
group by n.queue, q.paused, q.reason, q.by`;
  return { text, values: queues === undefined ? [] : [queues] };
}
