/**
 * Tables of version 1.
 *
 * Live and finished tasks are apart: the table that workers scan stays as small as the work that waits, and history
 * costs claims nothing. Each state that is searched has its own partial index, in the order of the search. Payload,
 * headers, result and history entries are text, not jsonb: they are opaque here, and jsonb refuses `\u0000`.
 */
export function createTables(s: string): string {
  return `
create schema if not exists ${s};

-- The store's clock, in one place.
create function ${s}.queue_now() returns timestamptz language sql volatile as $$ select clock_timestamp() $$;

create table ${s}.queue_task (
  seq bigint generated always as identity,
  id uuid primary key,
  queue text not null,
  name text not null,
  state text not null check (state in ('ready', 'scheduled', 'leased')),
  priority smallint not null,
  payload text not null,
  headers text not null,
  attempts integer not null default 0,
  max_attempts integer not null,
  epoch integer not null default 0,
  holder text,
  lease_until timestamptz,
  run_at timestamptz not null,
  enqueued_at timestamptz not null,
  started_at timestamptz,
  key text,
  keep_completed_ms bigint not null,
  keep_dead_ms bigint not null,
  history text[] not null default '{}'
) with (
  -- Every task is updated once or twice and then deleted: the table is all churn.
  fillfactor = 80,
  autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_vacuum_threshold = 1000,
  autovacuum_vacuum_cost_limit = 2000
);
create index queue_task_ready on ${s}.queue_task (queue, priority desc, seq) where state = 'ready';
create index queue_task_scheduled on ${s}.queue_task (queue, run_at) where state = 'scheduled';
create index queue_task_leased on ${s}.queue_task (lease_until) where state = 'leased';

create table ${s}.queue_finished (
  id uuid primary key,
  queue text not null,
  name text not null,
  state text not null check (state in ('completed', 'dead', 'cancelled')),
  priority smallint not null,
  payload text not null,
  headers text not null,
  attempts integer not null,
  max_attempts integer not null,
  epoch integer not null,
  holder text,
  run_at timestamptz not null,
  enqueued_at timestamptz not null,
  started_at timestamptz,
  key text,
  keep_completed_ms bigint not null,
  keep_dead_ms bigint not null,
  history text[] not null,
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
  paused boolean not null,
  reason text,
  by text,
  changed_at timestamptz not null
);
`;
}

/** Undoes {@link createTables}. The schema stays: it may hold what others made. */
export function dropTables(s: string): string {
  return `
drop table ${s}.queue_setting;
drop table ${s}.queue_key;
drop table ${s}.queue_finished;
drop table ${s}.queue_task;
drop function ${s}.queue_now();
`;
}

/** What a live and a finished task have in common, in one order for every statement that moves a row. */
export const SHARED_COLUMNS: string =
  'id, queue, name, priority, payload, headers, attempts, max_attempts, epoch, holder, run_at, enqueued_at, ' +
  'started_at, key, keep_completed_ms, keep_dead_ms';
