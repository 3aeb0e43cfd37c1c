import type {
  Alteration,
  Edit,
  PageRequest,
  QueuePage,
  TaskFilter,
  TaskState,
} from '../../store.js';
import { SHARED_COLUMNS } from './tables.js';

/** A statement with its parameters. */
export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

const LIVE: readonly TaskState[] = ['ready', 'scheduled', 'leased'];
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** As JSON text. Not by the JSON functions of the database, which refuse a `\u0000` anywhere in the entry. */
const LAST_ERROR = `(
    select substring(h.entry from '"name":("(?:[^"\\\\]|\\\\.)*")') from unnest(history) with ordinality as h(entry, ord)
    where h.entry ~ '"name":"' order by h.ord desc limit 1
  )`;

/** Conditions over columns that both tables have. Built from what is asked, so that each can use its index. */
class Conditions {
  readonly values: unknown[] = [];
  readonly #parts: string[] = [];
  readonly #live: string;
  readonly #finished: string;

  constructor(s: string, filter: TaskFilter) {
    const states = filter.states ?? [];
    this.#live = liveStates(s, states);
    this.#finished = `state in (${quoted(states.filter((state) => !LIVE.includes(state)))})`;
    // What is no UUID is the id of no task.
    if (filter.ids) this.add('id = any(?::uuid[])', filter.ids.filter(isUuid));
    if (filter.queue !== undefined) this.add('queue = ?', filter.queue);
    if (filter.name !== undefined) this.add('name = ?', filter.name);
    if (filter.states) this.#parts.push('{states}');
    if (filter.group !== undefined) this.add('grp = ?', filter.group);
    if (filter.childrenOf !== undefined) {
      const parent = this.param(isUuid(filter.childrenOf) ? filter.childrenOf : null);
      this.#parts.push(`id = any(coalesce(
        (select t.children from ${s}.queue_task t where t.id = ${parent}::uuid),
        (select f.children from ${s}.queue_finished f where f.id = ${parent}::uuid), '{}'))`);
    }
    if (filter.error !== undefined) {
      this.#parts.push(`${LAST_ERROR} = to_json(${this.param(filter.error)}::text)::text`);
    }
    this.#byTable(filter);
  }

  /** Columns that only one table has. */
  #byTable({ blockedBy, finishedFrom, finishedTo }: TaskFilter): void {
    if (blockedBy !== undefined) this.add("coalesce({blocked}, 'none') = ?", blockedBy);
    const at = 'to_timestamp(?::float8 / 1000)';
    if (finishedFrom !== undefined) this.add(`{finished_at} >= ${at}`, finishedFrom);
    if (finishedTo !== undefined) this.add(`{finished_at} < ${at}`, finishedTo);
  }

  add(condition: string, value: unknown): void {
    this.#parts.push(condition.replace('?', this.param(value)));
  }

  param(value: unknown): string {
    return `$${this.values.push(value)}`;
  }

  /** For the table of live tasks. */
  live(): string {
    return this.#text()
      .replaceAll('{states}', this.#live)
      .replaceAll('{blocked}', 'blocked')
      .replaceAll('{finished_at}', NO_TIME);
  }

  /** For the table of finished tasks. */
  finished(): string {
    return this.#text()
      .replaceAll('{states}', this.#finished)
      .replaceAll('{blocked}', 'null::text')
      .replaceAll('{finished_at}', 'finished_at');
  }

  #text(): string {
    return this.#parts.length === 0 ? 'true' : this.#parts.join(' and ');
  }
}

const NO_TIME = 'null::timestamptz';

/** A leased task is a ready one with a lease. */
const STATE = "case when lease_until is not null then 'leased' else state end";

function liveStates(s: string, states: readonly TaskState[]): string {
  const parts: string[] = [];
  if (states.includes('ready')) parts.push("state = 'ready' and lease_until is null");
  if (states.includes('scheduled')) parts.push("state = 'scheduled'");
  if (states.includes('leased')) {
    const known = `id in (select unnest(l.ids) from ${s}.queue_lease l)`;
    // Alone they are few, and found by what is said of leases.
    const only = parts.length === 0 ? ` and ${known}` : '';
    parts.push(`state = 'ready' and lease_until is not null${only}`);
  }
  return parts.length === 0 ? 'false' : `(${parts.map((part) => `(${part})`).join(' or ')})`;
}

function quoted(states: readonly TaskState[]): string {
  return ['', ...states].map((state) => `'${state}'`).join(', ');
}

function isUuid(text: string): boolean {
  return UUID.test(text);
}

const LIVE_COLUMNS = `${SHARED_COLUMNS}, ${STATE} as state, history, lease_until, null::text as result,
  null::timestamptz as finished_at, null::timestamptz as expires_at, blocked`;
const FINISHED_COLUMNS = `${SHARED_COLUMNS}, state, history, null::timestamptz as lease_until, result, finished_at,
  expires_at, null::text as blocked`;

/** A page of tasks over both tables. */
export function findStatement(s: string, filter: TaskFilter, page: PageRequest): Statement {
  const where = new Conditions(s, filter);
  const newest = page.order === 'newest';
  if (page.after !== undefined) where.add(newest ? 'id < ?::uuid' : 'id > ?::uuid', page.after);
  const tail = `order by id ${newest ? 'desc' : 'asc'} limit ${where.param(page.limit)}`;
  const states = filter.states ?? [...LIVE, 'dead'];
  const parts: string[] = [];
  if (states.some((state) => LIVE.includes(state))) {
    parts.push(`(select ${LIVE_COLUMNS} from ${s}.queue_task where ${where.live()} ${tail})`);
  }
  if (states.some((state) => !LIVE.includes(state))) {
    parts.push(
      `(select ${FINISHED_COLUMNS} from ${s}.queue_finished where ${where.finished()} ${tail})`,
    );
  }
  if (parts.length === 0) {
    parts.push(
      `(select ${LIVE_COLUMNS} from ${s}.queue_task where false and ${where.live()} ${tail})`,
    );
  }
  return { text: `select * from (${parts.join(' union all ')}) t ${tail}`, values: where.values };
}

/** Where the tasks are that a change can fit, so that few are looked at in vain. */
const FITS: Record<(Alteration | Edit)['kind'], { live?: string; finished?: string }> = {
  redrive: { finished: "state = 'dead'" },
  cancel: { live: '(lease_until is null or not cancelling)' },
  remove: { live: 'lease_until is null', finished: 'true' },
  clean: { finished: 'true' },
  promote: { live: "state = 'scheduled' and blocked is null" },
  reprioritise: { live: 'lease_until is null' },
  move: { live: 'lease_until is null and blocked is null', finished: "state = 'dead'" },
};

/** The ids of tasks that a change may fit, oldest first. */
export function candidatesStatement(
  s: string,
  filter: TaskFilter,
  change: Alteration | Edit,
  page: { readonly limit: number; readonly after: string | undefined },
): Statement {
  const where = new Conditions(s, filter);
  if (page.after !== undefined) where.add('id > ?::uuid', page.after);
  if (change.kind === 'reprioritise') where.add('priority <> ?::smallint', change.priority);
  const fits = FITS[change.kind];
  const idle = change.kind === 'cancel' && change.running !== true ? 'and lease_until is null' : '';
  const tail = `order by id limit ${where.param(page.limit)}`;
  const parts: string[] = [];
  if (fits.live !== undefined) {
    parts.push(
      `(select id from ${s}.queue_task where ${fits.live} ${idle} and ${where.live()} ${tail})`,
    );
  }
  if (fits.finished !== undefined) {
    parts.push(
      `(select id from ${s}.queue_finished where ${fits.finished} and ${where.finished()} ${tail})`,
    );
  }
  return { text: `select id from (${parts.join(' union all ')}) t ${tail}`, values: where.values };
}

/** Changes the tasks of the ids given, in their order, at most `limit`; returns those it changed. */
export function changeStatement(
  s: string,
  change: Alteration | Edit,
  ids: readonly string[],
  limit: number,
  from: number,
): Statement {
  const text = `select id from ${s}.queue_change_v1($1::text, $2::uuid[], $3::integer, $4::integer, $5::text, $6::text,
    $7::text, $8::float8, $9::smallint, $10::text, $11::boolean) as c(id)`;
  const { kind, by = null, reason = null } = change;
  const [payload, every] =
    kind === 'redrive' ? [change.payload ?? null, change.everyMs ?? 0] : [null, 0];
  const priority = kind === 'reprioritise' ? change.priority : null;
  const to = kind === 'move' ? change.queue : null;
  const running = kind === 'cancel' && change.running === true;
  return {
    text,
    values: [kind, ids, limit, from, by, reason, payload, every, priority, to, running],
  };
}

/** Where a queue is named, each with an index that begins with it. */
const NAMED = [
  ['task', "state = 'ready'"],
  ['task', "state = 'scheduled' and blocked is null"],
  ['task', "blocked = 'group'"],
  ['task', "blocked = 'children'"],
  ['finished', 'true'],
  ['setting', 'configured'],
] as const;

/** Names of queues in order, from one to the next by the indexes: the tasks between are not read. */
export function queueNamesStatement(s: string, { after = '', limit }: QueuePage): Statement {
  const next = (name: string): string => {
    const firsts = NAMED.map(
      ([table, where]) =>
        `(select x.queue from ${s}.queue_${table} x where ${where} and x.queue > ${name} order by x.queue limit 1)`,
    );
    return `(select min(f.queue) from (${firsts.join(' union all ')}) f)`;
  };
  const text = `with recursive names(queue) as (
  select ${next('$1::text')} union all select ${next('n.queue')} from names n where n.queue is not null
)
select queue from names where queue is not null limit $2::integer`;
  return { text, values: [after, limit] };
}

/** Counts and settings of queues. */
export function statsStatement(s: string, queues: readonly string[] | undefined): Statement {
  const where = queues === undefined ? 'true' : 'queue = any($1::text[])';
  const text = `
with counted as (
  select queue, ${STATE} as state, count(*) as count,
    min(run_at) filter (where state = 'ready' and lease_until is null) as oldest,
    count(*) filter (where blocked is not null) as blocked
  from ${s}.queue_task where ${where} group by 1, 2
  union all
  select queue, state, count(*), null, 0 from ${s}.queue_finished where ${where} group by queue, state
), named as (
  select queue from counted union select queue from ${s}.queue_setting where configured and ${where}
)
select n.queue, coalesce(q.paused, false) as paused, q.reason, q.by,
  coalesce(json_object_agg(c.state, c.count) filter (where c.state is not null), '{}') as counts,
  coalesce(sum(c.blocked), 0)::integer as blocked,
  (extract(epoch from min(c.oldest)) * 1000)::float8 as oldest,
  (extract(epoch from ${s}.queue_now()) * 1000)::float8 as now,
  q.concurrency, q.rate_max, q.rate_window, q.priority_min, q.priority_max, q.group_defaults, q.groups
from named n left join counted c on c.queue = n.queue left join ${s}.queue_setting q on q.queue = n.queue
group by n.queue, q.queue`;
  return { text, values: queues === undefined ? [] : [queues] };
}
