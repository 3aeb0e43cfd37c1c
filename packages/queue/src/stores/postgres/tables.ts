/**
 * Tables of version 1.
 *
 * Live and finished tasks are apart: the table that workers scan stays as small as the work that waits, and history
 * costs claims nothing. Each state that is searched has its own partial index, in the order of the search; blocked
 * tasks are in none that a claim reads. Payload, headers, result, progress and history entries are text, not jsonb:
 * they are opaque here, and jsonb refuses `\u0000`.
 *
 * A task is `special` when ending it takes more than deleting its row: it has a group, children, parents, a key that
 * failure frees, or was asked to end. A queue is `governed` when it has limits or special tasks: what changes those
 * holds the lock on the row of its settings. All others never wait for one another.
 */
export function createTables(s: string): string {
  return `
create schema if not exists ${s};

-- The store's clock, in one place.
create function ${s}.queue_now() returns timestamptz language sql volatile as $$ select clock_timestamp() $$;
-- Milliseconds since 1970. Stable, as what it calls is: then it is inlined.
create function ${s}.queue_ms(at timestamptz) returns bigint language sql stable
  as $$ select floor(round(date_part('epoch', at) * 1000000) / 1000)::bigint $$;

create table ${s}.queue_task (
  seq bigint generated always as identity,
  id uuid primary key,
  queue text not null,
  name text not null,
  -- 'ready' or 'scheduled'. No check: it would be read anew in every statement.
  state text not null,
  ${SHARED_DEFINITIONS}
  -- Of a ready task that is leased.
  lease_until timestamptz,
  tag float8 not null default 0,
  special boolean not null default false,
  -- What a scheduled task waits for beside its time: 'children' or 'group'.
  blocked text,
  history text[]
) with (
  -- Room for a second version of every row: a claim then stays on its page and touches no index.
  fillfactor = 40,
  autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_vacuum_threshold = 1000,
  autovacuum_vacuum_cost_limit = 2000
);
create index queue_task_ready on ${s}.queue_task (queue, priority desc, tag, seq) where state = 'ready';
create index queue_task_scheduled on ${s}.queue_task (queue, run_at, seq)
  where state = 'scheduled' and blocked is null;
create index queue_task_backlog on ${s}.queue_task (queue, grp, priority desc, tag, seq) where blocked = 'group';
create index queue_task_children on ${s}.queue_task (queue) where blocked = 'children';
create index queue_task_admitted on ${s}.queue_task (queue, grp) where state = 'ready' and grp is not null;

-- Where to look for leases that ran out: one row for the claims of an exchange, another for what it extended. The task
-- says until when it is leased; a row that says less is out of date. It goes when its time is over, or earlier, when
-- the process that made it knows that all its tasks are settled.
create table ${s}.queue_lease (
  id bigint generated always as identity primary key,
  -- Null where the tasks are of several.
  queue text,
  until timestamptz not null,
  ids uuid[] not null
) with (
  autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_vacuum_threshold = 1000
);
alter table ${s}.queue_lease alter column ids set storage external;
create index queue_lease_until on ${s}.queue_lease (until);

-- Workers that wait at their queues, see createHandOver. A crash of the server empties it, and they ask again.
create unlogged table ${s}.queue_parked (
  worker text primary key,
  -- The exchange that parked it.
  token text not null,
  channel text not null,
  queues text[] not null,
  -- For how many tasks more.
  free integer not null,
  lease_ms float8 not null,
  until timestamptz not null,
  handed uuid[] not null default '{}',
  -- When it was handed the first of them.
  handed_at timestamptz
) with (
  fillfactor = 40,
  autovacuum_vacuum_threshold = 500
);

create table ${s}.queue_finished (
  id uuid primary key,
  queue text not null,
  name text not null,
  -- 'completed', 'dead' or 'cancelled'.
  state text not null,
  ${SHARED_DEFINITIONS}
  history text[],
  result text,
  finished_at timestamptz not null,
  expires_at timestamptz not null
);
create index queue_finished_list on ${s}.queue_finished (queue, state, id);
create index queue_finished_expiry on ${s}.queue_finished (expires_at);

-- Idempotency keys outlive their tasks, so they have a table of their own.
create table ${s}.queue_key (
  queue text not null,
  key text not null,
  task_id uuid not null,
  expires_at timestamptz not null,
  primary key (queue, key)
);
create index queue_key_expiry on ${s}.queue_key (expires_at);
create index queue_key_task on ${s}.queue_key (task_id);

create table ${s}.queue_setting (
  queue text primary key,
  -- Whether an operator ever set anything: then the queue is listed even without tasks.
  configured boolean not null default false,
  governed boolean not null default false,
  paused boolean not null default false,
  reason text,
  by text,
  concurrency integer,
  rate_max integer,
  rate_window float8,
  priority_min smallint,
  priority_max smallint,
  group_defaults jsonb,
  groups jsonb not null default '{}',
  -- Whether any task ever had a key that its start frees: then claims look for them.
  key_starts boolean not null default false,
  -- The largest tag claimed.
  vtime float8 not null default 0
);

-- A group is there while it has a live task, a slot that is held, or claims that count.
create table ${s}.queue_group (
  queue text not null,
  grp text not null,
  last float8 not null default 0,
  live bigint not null default 0,
  held bigint not null default 0,
  fifo text,
  -- When its rate has room again for what it blocks.
  reopen_at bigint,
  primary key (queue, grp)
);
create index queue_group_reopen on ${s}.queue_group (queue, reopen_at) where reopen_at is not null;

-- Claims that count, in slices of time; the group '' is the queue itself.
create table ${s}.queue_rate (
  queue text not null,
  grp text not null,
  slice_end bigint not null,
  count bigint not null,
  primary key (queue, grp, slice_end)
);

create table ${s}.queue_child (
  parent uuid not null,
  child uuid not null,
  primary key (child, parent)
);
create index queue_child_parent on ${s}.queue_child (parent);

-- What happened, one row for each kind and queue in a call. One name or epoch stands for all. Read in the order of
-- what their writers may have seen, up to the oldest transaction that is still under way: so nothing turns up behind a
-- reader's back, and what follows from another event comes after it. (By the number of its own transaction it need not:
-- an exchange may claim what a younger transaction has committed since it began.)
create table ${s}.queue_event (
  id bigint generated always as identity,
  -- The newest transaction that the writer may have seen, its own at least.
  seen bigint not null
    default greatest(pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1, pg_current_xact_id()::text::bigint),
  at timestamptz not null,
  type text not null,
  queue text not null,
  -- The tasks; null for one thing that is no task, or one task.
  subjects uuid[],
  subject text,
  names text[],
  epochs integer[],
  -- Of task.progress what was reported, of what an operator did JSON of who and why.
  progress text,
  -- How many events.
  count integer not null default 1,
  -- How many of them count for their minute by this row (others have a row in queue_minute), and their times.
  counted integer not null default 0,
  ms float8 not null default 0,
  ms_max float8 not null default 0,
  primary key (seen, id)
);
-- Ids do not compress.
alter table ${s}.queue_event alter column subjects set storage external;

-- The last event dropped.
create table ${s}.queue_event_floor (seen bigint not null, id bigint not null);

-- Counts by the minute, beside those of the events that are still kept: one row for each call that counted and for the
-- events that were dropped. The sweep sums them up.
create table ${s}.queue_minute (
  queue text not null,
  at bigint not null,
  added bigint not null default 0,
  started bigint not null default 0,
  completed bigint not null default 0,
  failed bigint not null default 0,
  dead bigint not null default 0,
  wait_ms float8 not null default 0,
  wait_max float8 not null default 0,
  run_ms float8 not null default 0,
  run_max float8 not null default 0,
  summed boolean not null default false
);
create index queue_minute_list on ${s}.queue_minute (queue, at);
create index queue_minute_open on ${s}.queue_minute (at) where not summed;

create table ${s}.queue_schedule (
  queue text not null,
  id text not null,
  definition text not null,
  paused boolean not null,
  next_run_at bigint,
  last_run_at bigint,
  runs bigint not null,
  primary key (queue, id)
);
create index queue_schedule_due on ${s}.queue_schedule (next_run_at) where next_run_at is not null;
`;
}

/** Undoes {@link createTables}. The schema stays: it may hold what others made. */
export function dropTables(s: string): string {
  const tables = [
    'schedule',
    'minute',
    'event_floor',
    'event',
    'child',
    'rate',
    'group',
    'setting',
    'key',
    'finished',
    'parked',
    'lease',
    'task',
  ];
  return `
${tables.map((table) => `drop table ${s}.queue_${table};`).join('\n')}
drop function ${s}.queue_ms(timestamptz);
drop function ${s}.queue_now();
`;
}

const SHARED_DEFINITIONS = `priority smallint not null,
  payload text not null,
  -- Null for none.
  headers text,
  attempts integer not null default 0,
  max_attempts integer not null,
  epoch integer not null default 0,
  holder text,
  run_at timestamptz not null,
  enqueued_at timestamptz not null,
  started_at timestamptz,
  keep_completed_ms bigint not null,
  keep_dead_ms bigint not null,
  key text,
  key_ttl_ms float8,
  -- Whether the key is freed when the task fails, and when it starts.
  key_free boolean,
  key_start boolean,
  grp text,
  weight float8,
  fifo text,
  slot boolean not null default false,
  children uuid[],
  -- Of a parent: 'fail' or 'ignore'.
  on_failure text,
  cancelling boolean not null default false,
  progress text,`;

/** What a live and a finished task have in common, in one order for every statement that moves a row. */
export const SHARED_COLUMNS: string =
  'id, queue, name, priority, payload, headers, attempts, max_attempts, epoch, holder, run_at, enqueued_at, ' +
  'started_at, keep_completed_ms, keep_dead_ms, key, key_ttl_ms, key_free, key_start, grp, weight, fifo, slot, children, ' +
  'on_failure, cancelling, progress';

/** The shared columns of one table of a statement. */
export function sharedOf(alias: string): string {
  return SHARED_COLUMNS.split(', ')
    .map((column) => `${alias}.${column}`)
    .join(', ');
}
