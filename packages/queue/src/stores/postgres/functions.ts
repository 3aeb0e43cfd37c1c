import { SHARED_COLUMNS } from './tables.js';

/*
 * The hot paths are functions in the database: several statements, one round trip, one commit. Their names carry a
 * version, so that a newer library can add another beside it while older processes still run.
 *
 * An empty queue teaches the planner that a sequential scan is best, and a cached plan would keep doing so after a
 * bulk enqueue; the settings below leave it only the indexes.
 */
const PLANNER = `set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off
  set enable_mergejoin = off set jit = off set plan_cache_mode = force_generic_plan`;

const DUE = (wait: string, absolute: string): string =>
  `case when ${absolute} then to_timestamp(${wait} / 1000.0) else v_now + ${wait} * interval '1 millisecond' end`;

const shared = (alias: string): string =>
  SHARED_COLUMNS.split(', ')
    .map((column) => `${alias}.${column}`)
    .join(', ');

/**
 * Adds tasks, all or none. Returns the id that holds the key for each task that was a duplicate. A column whose value
 * is the same for all tasks, as most are, comes as an array of one.
 */
function enqueueFunction(s: string): string {
  return `
create function ${s}.queue_enqueue_v1(
  p_id uuid[], p_queue text[], p_name text[], p_payload text[], p_headers text[], p_priority smallint[],
  p_wait float8[], p_absolute boolean[], p_max integer[], p_keep_completed float8[], p_keep_dead float8[],
  p_key text[], p_key_ttl float8[]
) returns table (o_ord bigint, o_id uuid) language plpgsql ${PLANNER} as $$
#variable_conflict use_column
declare v_now timestamptz := ${s}.queue_now();
begin
  if exists (select 1 from unnest(p_key) as k(key) where k.key is not null) then
    -- In the order of the keys: two batches with the same keys then never wait for each other in a circle.
    insert into ${s}.queue_key as k (queue, key, task_id, expires_at)
    select coalesce(n.queue, p_queue[1]), n.key, n.id, v_now + n.ttl * interval '1 millisecond'
    from unnest(p_queue, p_key, p_id, p_key_ttl) as n(queue, key, id, ttl)
    where n.key is not null order by 1, 2
    on conflict (queue, key) do update set task_id = excluded.task_id, expires_at = excluded.expires_at
    where k.expires_at <= v_now and not exists (select 1 from ${s}.queue_task t where t.id = k.task_id);
  end if;
  return query
  with n as (
    select n.id, coalesce(n.queue, p_queue[1]) as queue, coalesce(n.name, p_name[1]) as name, n.payload,
      coalesce(n.headers, p_headers[1]) as headers, coalesce(n.priority, p_priority[1]) as priority,
      coalesce(n.wait, p_wait[1]) as wait, coalesce(n.absolute, p_absolute[1]) as absolute,
      coalesce(n.max, p_max[1]) as max, coalesce(n.keep_completed, p_keep_completed[1]) as keep_completed,
      coalesce(n.keep_dead, p_keep_dead[1]) as keep_dead, n.key, n.ord
    from unnest(p_id, p_queue, p_name, p_payload, p_headers, p_priority, p_wait, p_absolute, p_max,
      p_keep_completed, p_keep_dead, p_key) with ordinality
      as n(id, queue, name, payload, headers, priority, wait, absolute, max, keep_completed, keep_dead, key, ord)
  ), m as (
    select n.*, coalesce(k.task_id, n.id) as holder_id, ${DUE('n.wait', 'n.absolute')} as due
    from n left join ${s}.queue_key k on n.key is not null and k.queue = n.queue and k.key = n.key
  ), added as (
    insert into ${s}.queue_task (id, queue, name, state, priority, payload, headers, max_attempts, run_at,
      enqueued_at, key, keep_completed_ms, keep_dead_ms)
    select m.id, m.queue, m.name, case when m.due <= v_now then 'ready' else 'scheduled' end, m.priority, m.payload,
      m.headers, m.max, m.due, v_now, m.key, m.keep_completed, m.keep_dead
    from m where m.holder_id = m.id order by m.ord
  )
  select m.ord, m.holder_id from m where m.holder_id <> m.id;
  -- Delivered at the commit of whatever transaction this is part of, and once for each queue.
  perform pg_notify('${s}_queue', q.queue) from (select distinct u.queue from unnest(p_queue) as u(queue)) q;
end $$;
`;
}

/**
 * Settles, extends, makes due tasks ready and claims. `d_` are completed tasks, which most are: they have a path of
 * their own, without a lock before the deletion. `s_` are the other ways to settle. One row comes back: `o_done`,
 * `o_settled` and `o_extended` hold the places of what went well, or null where everything did.
 */
function exchangeFunction(s: string): string {
  return `
create function ${s}.queue_exchange_v1(
  p_worker text, p_lease float8, d_id uuid[], d_epoch integer[], d_result text[],
  s_id uuid[], s_epoch integer[], s_outcome text[], s_wait float8[], s_absolute boolean[], s_entry text[],
  x_id uuid[], x_epoch integer[], c_queue text[], c_limit integer
) returns table (
  o_now float8, o_due float8, o_done integer[], o_settled integer[], o_extended integer[], o_claimed text
) language plpgsql ${PLANNER} as $$
#variable_conflict use_column
declare
  v_now timestamptz := ${s}.queue_now();
  v_until timestamptz := v_now + p_lease * interval '1 millisecond';
  v_left integer := c_limit;
  v_count integer;
  v_queue text;
  v_text text;
begin
  if cardinality(d_id) > 0 then
    with gone as (
      -- 'ready' with a holder: the lease lapsed and nobody took the task over.
      delete from ${s}.queue_task t
      using unnest(d_id, d_epoch, d_result) with ordinality as d(id, epoch, result, ord)
      where t.id = d.id and t.epoch = d.epoch and t.holder = p_worker and t.state in ('leased', 'ready')
      returning t.*, d.result, d.ord
    ), kept as (
      insert into ${s}.queue_finished (${SHARED_COLUMNS}, state, history, result, finished_at, expires_at)
      select ${shared('g')}, 'completed', g.history, g.result, v_now,
        v_now + g.keep_completed_ms * interval '1 millisecond'
      from gone g where g.keep_completed_ms > 0
    )
    select case when count(*) < cardinality(d_id) then coalesce(array_agg(g.ord::integer), '{}') end
    into o_done from gone g;
  end if;

  if cardinality(s_id) > 0 then
    with s as (
      select * from unnest(s_id, s_epoch, s_outcome, s_wait, s_absolute, s_entry) with ordinality
        as s(id, epoch, outcome, wait, absolute, entry, ord)
    ), held as (
      select t.id, s.outcome, s.entry, s.ord, ${DUE('s.wait', 's.absolute')} as due
      from s join ${s}.queue_task t on s.id = t.id
      where t.epoch = s.epoch and t.holder = p_worker and t.state in ('leased', 'ready')
      order by t.id for update of t
    ), gone as (
      delete from ${s}.queue_task t using held h where t.id = h.id and h.outcome = 'dead'
      returning t.*, h.entry
    ), kept as (
      insert into ${s}.queue_finished (${SHARED_COLUMNS}, state, history, result, finished_at, expires_at)
      select ${shared('g')}, 'dead', array_append(g.history, g.entry), null, v_now,
        v_now + g.keep_dead_ms * interval '1 millisecond'
      from gone g where g.keep_dead_ms > 0
    ), again as (
      update ${s}.queue_task t set state = case when h.due <= v_now then 'ready' else 'scheduled' end,
        holder = null, lease_until = null, run_at = h.due,
        attempts = t.attempts - case when h.outcome = 'released' then 1 else 0 end,
        history = case when h.entry is null then t.history else array_append(t.history, h.entry) end
      from held h where t.id = h.id and h.outcome <> 'dead'
      returning t.queue
    ), woken as (
      select pg_notify('${s}_queue', q.queue) from (select distinct queue from again) q
    )
    select coalesce(array_agg(h.ord::integer), '{}') into o_settled from held h
    where (select count(*) from woken) >= 0;
  elsif cardinality(d_id) = 0 then
    -- A claim or an extension that a crash of the server undoes only repeats an attempt.
    perform set_config('synchronous_commit', 'off', true);
  end if;

  if cardinality(x_id) > 0 then
    with held as (
      select t.id, x.ord from unnest(x_id, x_epoch) with ordinality as x(id, epoch, ord)
      join ${s}.queue_task t on x.id = t.id
      where t.epoch = x.epoch and t.holder = p_worker and t.state in ('leased', 'ready')
      order by t.id for update of t
    ), extended as (
      update ${s}.queue_task t set state = 'leased', lease_until = v_until from held h where t.id = h.id
    )
    select case when count(*) < cardinality(x_id) then coalesce(array_agg(h.ord::integer), '{}') end
    into o_extended from held h;
  end if;

  foreach v_queue in array c_queue loop
    exit when c_limit <= 0;
    update ${s}.queue_task t set state = 'ready'
    from (
      select d.id from ${s}.queue_task d
      where d.queue = v_queue and d.state = 'scheduled' and d.run_at <= v_now
      order by d.run_at limit greatest(1000, c_limit) for update skip locked
    ) due where t.id = due.id;
    continue when v_left <= 0
      or exists (select 1 from ${s}.queue_setting q where q.queue = v_queue and q.paused);
    with picked as materialized (
      select p.ctid as place from ${s}.queue_task p where p.queue = v_queue and p.state = 'ready'
      order by p.priority desc, p.seq limit v_left for update skip locked
    ), claimed as (
      update ${s}.queue_task t set state = 'leased', epoch = t.epoch + 1, attempts = t.attempts + 1,
        holder = p_worker, lease_until = v_until, started_at = v_now
      from picked p where t.ctid = p.place returning t.*
    )
    select count(*), string_agg(json_build_array(c.id, c.epoch, c.queue, c.name, c.payload, c.headers, c.priority,
      c.attempts, c.max_attempts, extract(epoch from c.enqueued_at) * 1000, extract(epoch from c.run_at) * 1000)::text,
      ',' order by c.priority desc, c.seq)
    into v_count, v_text from claimed c;
    continue when v_count = 0;
    v_left := v_left - v_count;
    o_claimed := concat_ws(',', o_claimed, v_text);
  end loop;

  o_now := extract(epoch from v_now) * 1000;
  o_due := (select extract(epoch from min(d.run_at)) * 1000
    from unnest(c_queue) as q(queue), lateral (
      select t.run_at from ${s}.queue_task t where t.queue = q.queue and t.state = 'scheduled'
      order by t.run_at limit 1
    ) d);
  return next;
end $$;
`;
}

/** Lapses leases and drops what is past its retention. */
function sweepFunction(s: string): string {
  return `
create function ${s}.queue_sweep_v1(p_limit integer)
returns table (o_kind text, o_id uuid, o_queue text, o_name text, o_count bigint) language plpgsql ${PLANNER} as $$
#variable_conflict use_column
declare v_now timestamptz := ${s}.queue_now();
begin
  return query
  with late as (
    select t.id, t.attempts >= t.max_attempts as last,
      array_append(t.history, json_build_object('kind', 'lapsed',
        'at', floor(extract(epoch from v_now) * 1000)::bigint, 'attempt', t.attempts, 'epoch', t.epoch,
        'worker', t.holder)::text) as history
    from ${s}.queue_task t where t.state = 'leased' and t.lease_until <= v_now
    order by t.lease_until limit p_limit for update skip locked
  ), gone as (
    delete from ${s}.queue_task t using late where t.id = late.id and late.last
    returning t.*, late.history as told
  ), kept as (
    insert into ${s}.queue_finished (${SHARED_COLUMNS}, state, history, result, finished_at, expires_at)
    select ${shared('g')}, 'dead', g.told, null, v_now, v_now + g.keep_dead_ms * interval '1 millisecond'
    from gone g where g.keep_dead_ms > 0
  ), back as (
    update ${s}.queue_task t set state = 'ready', lease_until = null, history = late.history
    from late where t.id = late.id and not late.last
    returning t.id, t.queue, t.name
  ), woken as (
    select pg_notify('${s}_queue', q.queue) from (select distinct back.queue from back) q
  )
  select 'lapsed', back.id, back.queue, back.name, (select count(*) from woken) from back
  union all
  select 'died', gone.id, gone.queue, gone.name, 0::bigint from gone;
  return query
  with old as (
    select f.id from ${s}.queue_finished f where f.expires_at <= v_now
    order by f.expires_at limit p_limit for update skip locked
  ), pruned as (
    delete from ${s}.queue_finished f using old where f.id = old.id returning 1
  )
  select 'pruned', null::uuid, null, null, count(*) from pruned;
  return query
  with old as (
    select k.queue, k.key from ${s}.queue_key k
    where k.expires_at <= v_now and not exists (select 1 from ${s}.queue_task t where t.id = k.task_id)
    order by k.expires_at limit p_limit for update skip locked
  ), pruned as (
    delete from ${s}.queue_key k using old where k.queue = old.queue and k.key = old.key returning 1
  )
  select 'pruned', null::uuid, null, null, count(*) from pruned;
end $$;
`;
}

/** Functions of version 1. */
export function createFunctions(s: string): string {
  return enqueueFunction(s) + exchangeFunction(s) + sweepFunction(s);
}

/** Undoes {@link createFunctions}. */
export function dropFunctions(s: string): string {
  return `
drop function ${s}.queue_sweep_v1;
drop function ${s}.queue_exchange_v1;
drop function ${s}.queue_enqueue_v1;
`;
}
