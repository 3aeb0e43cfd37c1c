import { SHARED_COLUMNS, sharedOf } from '../tables.js';
import { noted, ran, started } from './journal.js';
import { dueOf, PLANNER } from './planner.js';

/**
 * Settles, extends, makes due tasks ready and claims. `d_` are completed tasks, which most are: they have a path of
 * their own, without a lock before the deletion. `s_` are the other ways to settle. One row comes back: `o_done`,
 * `o_settled` and `o_extended` hold the places of what went well, or null where everything did.
 */
export function createExchange(s: string): string {
  return `
create function ${s}.queue_exchange_v1(
  p_worker text, p_lease float8, d_id uuid[], d_epoch integer[], d_result text[],
  s_id uuid[], s_epoch integer[], s_outcome text[], s_wait float8[], s_absolute boolean[], s_entry text[],
  x_id uuid[], x_epoch integer[], x_progress text[], c_queue text[], c_limit integer
) returns table (
  o_now float8, o_due float8, o_done integer[], o_settled integer[], o_extended integer[], o_claimed text,
  o_cancelling integer[], o_done_cancelled integer[], o_settled_cancelled integer[]
) language plpgsql ${PLANNER} as $$
#variable_conflict use_column
declare
  v_now timestamptz := ${s}.queue_now();
  v_until timestamptz := v_now + p_lease * interval '1 millisecond';
  v_left integer := c_limit;
  v_limit integer;
  v_count integer;
  v_queue text;
  v_text text;
  v_setting ${s}.queue_setting;
  v_tag float8;
  v_extended integer[] := '{}';
  v_ended text[];
  v_claimed text[] := '{}';
  r record;
begin
  if exists (select 1 from ${s}.queue_setting q where q.governed) then
    perform 1 from ${s}.queue_setting q where q.governed and (q.queue = any(c_queue)
      or q.queue in (select t.queue from ${s}.queue_task t where t.id = any(d_id || s_id || x_id)))
    order by q.queue for update;
  end if;

  if cardinality(d_id) > 0 then
    ${completedText(s)}
    if o_done is not null then
      ${specialText(s, 'completed')}
    end if;
  end if;
  if cardinality(s_id) > 0 then
    ${settledText(s)}
    if cardinality(o_settled) < cardinality(s_id) then
      ${specialText(s, 'others')}
    end if;
  elsif cardinality(d_id) = 0 then
    -- A claim or an extension that a crash of the server undoes only repeats an attempt.
    perform set_config('synchronous_commit', 'off', true);
  end if;
  if cardinality(x_id) > 0 then
    ${extendedText(s)}
  end if;

  foreach v_queue in array c_queue loop
    exit when c_limit <= 0;
    select * into v_setting from ${s}.queue_setting q where q.queue = v_queue;
    ${promoteText(s)}
    continue when v_left <= 0 or coalesce(v_setting.paused, false);
    v_limit := v_left;
    if v_setting.concurrency is not null then
      v_limit := least(v_limit, v_setting.concurrency
        - (select count(*) from ${s}.queue_task t where t.queue = v_queue and t.state = 'leased'));
    end if;
    if v_setting.rate_max is not null then
      v_limit := least(v_limit,
        v_setting.rate_max - ${s}.queue_rate_used_v1(v_queue, '', v_setting.rate_window, v_now));
    end if;
    continue when v_limit <= 0;
    ${claimText(s)}
  end loop;

  -- A queue that something was claimed from is not empty.
  perform ${s}.queue_drained_v1(e.queue, v_now) from (select distinct u.queue from unnest(v_ended) as u(queue)) e
  where e.queue <> all(v_claimed);

  o_now := ${s}.queue_ms(v_now);
  o_due := ${dueText(s)};
  return next;
end $$;
`;
}

/** Undoes {@link createExchange}. */
export function dropExchange(s: string): string {
  return `drop function ${s}.queue_exchange_v1;\n`;
}

function completedText(s: string): string {
  return `with gone as (
      -- 'ready' with a holder: the lease lapsed and nobody took the task over.
      delete from ${s}.queue_task t
      using unnest(d_id, d_epoch, d_result) with ordinality as d(id, epoch, result, ord)
      where t.id = d.id and t.epoch = d.epoch and t.holder = p_worker and t.state in ('leased', 'ready')
        and not t.special
      returning t.*, d.result, d.ord
    ), kept as (
      insert into ${s}.queue_finished (${SHARED_COLUMNS}, state, history, result, finished_at, expires_at)
      select ${sharedOf('g')}, 'completed', g.history, g.result, v_now,
        v_now + g.keep_completed_ms * interval '1 millisecond'
      from gone g where g.keep_completed_ms > 0
    ), noted as (
      ${noted(s, "'task.completed'", 'select queue, id, name, epoch, ord from gone', 'epoch')}
    ), counted as (
      ${ran(s, 'completed', 'select queue, started_at from gone')}
    ), woken as (
      select pg_notify('${s}_queue', q.queue) from ${s}.queue_setting q
      where q.concurrency is not null and q.queue in (select queue from gone)
    )
    select case when count(*) < cardinality(d_id) then coalesce(array_agg(g.ord::integer), '{}') end,
      array_agg(distinct g.queue)
    into o_done, v_ended from gone g where (select count(*) from woken) >= 0;`;
}

/** Settles what the path of plain tasks left: special ones, one by one. */
function specialText(s: string, which: 'completed' | 'others'): string {
  const [rows, outcome, due, result, entry, done, cancelled] =
    which === 'completed'
      ? [
          'unnest(d_id, d_epoch, d_result) with ordinality as d(id, epoch, result, ord)',
          "'completed'",
          'null',
          'r.result',
          'null',
          'o_done',
          'o_done_cancelled',
        ]
      : [
          `unnest(s_id, s_epoch, s_outcome, s_wait, s_absolute, s_entry) with ordinality
        as d(id, epoch, outcome, wait, absolute, entry, ord)`,
          'r.outcome',
          dueOf('r.wait', 'r.absolute'),
          'null',
          'r.entry',
          'o_settled',
          'o_settled_cancelled',
        ];
  return `for r in select d.*, t.queue from ${rows}
        join ${s}.queue_task t on t.id = d.id and t.special
        where d.ord <> all(${done}) order by d.ord
      loop
        v_text := ${s}.queue_settle_v1(p_worker, r.id, r.epoch, ${outcome}, ${due}, ${result}, ${entry}, v_now);
        continue when v_text = 'stale';
        ${done} := array_append(${done}, r.ord::integer);
        if v_text = 'cancelled' then ${cancelled} := array_append(${cancelled}, r.ord::integer); end if;
        perform pg_notify('${s}_queue', q.queue) from ${s}.queue_setting q
        where q.queue = r.queue and q.concurrency is not null;
      end loop;`;
}

function settledText(s: string): string {
  return `with s as (
      select * from unnest(s_id, s_epoch, s_outcome, s_wait, s_absolute, s_entry) with ordinality
        as s(id, epoch, outcome, wait, absolute, entry, ord)
    ), held as (
      select t.id, s.outcome, s.entry, s.ord, ${dueOf('s.wait', 's.absolute')} as due
      from s join ${s}.queue_task t on s.id = t.id
      where t.epoch = s.epoch and t.holder = p_worker and t.state in ('leased', 'ready') and not t.special
      order by t.id for update of t
    ), gone as (
      delete from ${s}.queue_task t using held h where t.id = h.id and h.outcome = 'dead'
      returning t.*, h.entry, h.ord
    ), kept as (
      insert into ${s}.queue_finished (${SHARED_COLUMNS}, state, history, result, finished_at, expires_at)
      select ${sharedOf('g')}, 'dead', array_append(g.history, g.entry), null, v_now,
        v_now + g.keep_dead_ms * interval '1 millisecond'
      from gone g where g.keep_dead_ms > 0
    ), again as (
      update ${s}.queue_task t set state = case when h.due <= v_now then 'ready' else 'scheduled' end,
        holder = null, lease_until = null, run_at = h.due,
        attempts = t.attempts - case when h.outcome = 'released' then 1 else 0 end,
        history = case when h.entry is null then t.history else array_append(t.history, h.entry) end
      from held h where t.id = h.id and h.outcome <> 'dead'
      returning t.queue, t.id, t.name, t.epoch, t.started_at, h.outcome, h.ord
    ), noted as (
      ${noted(s, "'task.dead'", 'select queue, id, name, epoch, ord from gone', 'epoch')}
    ), failures as (
      ${noted(s, "'task.failed'", "select queue, id, name, epoch, ord from again where outcome = 'retry'", 'epoch')}
    ), releases as (
      ${noted(s, "'task.released'", "select queue, id, name, epoch, ord from again where outcome = 'released'", 'epoch')}
    ), counted as (
      ${ran(s, 'dead', 'select queue, started_at from gone')}
    ), repeated as (
      ${ran(s, 'failed', "select queue, started_at from again where outcome = 'retry'")}
    ), woken as (
      select pg_notify('${s}_queue', q.queue) from (
        select queue from again union
        select q.queue from ${s}.queue_setting q
        where q.concurrency is not null and q.queue in (select queue from gone)
      ) q
    )
    select coalesce(array_agg(h.ord::integer), '{}'), v_ended || (select array_agg(distinct g.queue) from gone g)
    into o_settled, v_ended from held h
    where (select count(*) from woken) >= 0;`;
}

function extendedText(s: string): string {
  return `for r in
      select t.id, x.ord, x.progress, t.state, t.queue, t.grp, t.cancelling, t.name, t.epoch
      from unnest(x_id, x_epoch, x_progress) with ordinality as x(id, epoch, progress, ord)
      join ${s}.queue_task t on x.id = t.id
      where t.epoch = x.epoch and t.holder = p_worker and t.state in ('leased', 'ready')
      order by x.ord for update of t
    loop
      -- A lapsed lease that comes back counts against the concurrency of its queue.
      continue when r.state = 'ready' and exists (
        select 1 from ${s}.queue_setting q where q.queue = r.queue and q.concurrency
          <= (select count(*) from ${s}.queue_task l where l.queue = r.queue and l.state = 'leased'));
      update ${s}.queue_task t set state = 'leased', lease_until = v_until, progress = coalesce(r.progress, t.progress)
      where t.id = r.id;
      if r.progress is not null then
        perform ${s}.queue_note_v1('task.progress', r.queue, r.id::text, r.name, r.epoch, r.progress, v_now);
      end if;
      v_extended := array_append(v_extended, r.ord::integer);
      if r.cancelling then o_cancelling := array_append(o_cancelling, r.ord::integer); end if;
      if r.state = 'ready' and r.grp is not null then perform ${s}.queue_admit_v1(r.queue, r.grp, v_now); end if;
    end loop;
    if cardinality(v_extended) < cardinality(x_id) then o_extended := v_extended; end if;`;
}

function promoteText(s: string): string {
  return `update ${s}.queue_task t set state = 'ready'
    from (
      select d.id from ${s}.queue_task d
      where d.queue = v_queue and d.state = 'scheduled' and d.blocked is null and d.run_at <= v_now
        and (d.grp is null or d.slot)
      order by d.run_at, d.seq limit greatest(1000, c_limit) for update skip locked
    ) due where t.id = due.id;
    if v_setting.governed then
      for r in
        select d.id from ${s}.queue_task d
        where d.queue = v_queue and d.state = 'scheduled' and d.blocked is null and d.run_at <= v_now
        order by d.run_at, d.seq limit greatest(1000, c_limit)
      loop
        perform ${s}.queue_arrive_v1(r.id, v_now);
      end loop;
      for r in
        update ${s}.queue_group g set reopen_at = null
        where g.queue = v_queue and g.reopen_at <= ${s}.queue_ms(v_now) returning g.grp
      loop
        perform ${s}.queue_admit_v1(v_queue, r.grp, v_now);
      end loop;
    end if;`;
}

const STARTED =
  'select queue, id, name, epoch, row_number() over (order by priority desc, tag, seq) as ord from claimed';

function claimText(s: string): string {
  return `with picked as materialized (
      select p.ctid as place from ${s}.queue_task p where p.queue = v_queue and p.state = 'ready'
      order by p.priority desc, p.tag, p.seq limit v_limit for update skip locked
    ), claimed as (
      update ${s}.queue_task t set state = 'leased', epoch = t.epoch + 1, attempts = t.attempts + 1,
        holder = p_worker, lease_until = v_until, started_at = v_now
      from picked p where t.ctid = p.place returning t.*
    ), noted as (
      ${noted(s, "'task.started'", STARTED, 'epoch')}
    ), counted as (
      ${started(s, 'select queue, run_at from claimed')}
    )
    select count(*), max(c.tag), string_agg(json_build_array(c.id, c.epoch, c.queue, c.name, c.payload, c.headers,
      c.priority, c.attempts, c.max_attempts, ${s}.queue_ms(c.enqueued_at), ${s}.queue_ms(c.run_at),
      c.grp, cardinality(c.children))::text, ',' order by c.priority desc, c.tag, c.seq)
    into v_count, v_tag, v_text from claimed c;
    continue when v_count = 0;
    v_left := v_left - v_count;
    v_claimed := array_append(v_claimed, v_queue);
    o_claimed := concat_ws(',', o_claimed, v_text);
    continue when v_setting.governed is not true;
    update ${s}.queue_setting q set vtime = v_tag where q.queue = v_queue and q.vtime < v_tag;
    if v_setting.rate_max is not null then
      perform ${s}.queue_rate_note_v1(v_queue, '', v_setting.rate_window, v_now, v_count);
    end if;
    for r in
      select c.grp, count(*) as count, (${s}.queue_limits_v1(v_queue, c.grp) -> 'rate' ->> 'windowMs')::float8 as span
      from ${s}.queue_task c
      where c.queue = v_queue and c.state = 'leased' and c.holder = p_worker and c.started_at = v_now
        and c.lease_until = v_until and c.grp is not null
      group by c.grp
    loop
      continue when r.span is null;
      perform ${s}.queue_rate_note_v1(v_queue, r.grp, r.span, v_now, r.count);
      perform ${s}.queue_admit_v1(v_queue, r.grp, v_now);
    end loop;`;
}

function dueText(s: string): string {
  return `(select min(least(
      (select ${s}.queue_ms(t.run_at) from ${s}.queue_task t
        where t.queue = c.queue and t.state = 'scheduled' and t.blocked is null order by t.run_at limit 1),
      (select g.reopen_at from ${s}.queue_group g where g.queue = c.queue and g.reopen_at is not null
        order by g.reopen_at limit 1),
      case when q.rate_max is not null
        and ${s}.queue_rate_used_v1(c.queue, '', q.rate_window, v_now) >= q.rate_max
        and exists (select 1 from ${s}.queue_task t where t.queue = c.queue and t.state = 'ready')
      then ${s}.queue_rate_free_v1(c.queue, '', q.rate_window, v_now) end
    )) from unnest(c_queue) as c(queue) left join ${s}.queue_setting q on q.queue = c.queue)`;
}
