import { SHARED_COLUMNS, sharedOf } from '../tables.js';
import { noted, ran } from './journal.js';
import { dueOf } from './planner.js';

/**
 * How leases end: parts of `queue_exchange_v1`. `d_` are completed tasks of one epoch, which most are: they have a path
 * of their own, without a lock before the deletion, and a narrow one where none of them is kept. `s_` are all others.
 *
 * Here and elsewhere tasks are found by `= any(array)` or in a subquery for each, never by a join that the planner may
 * turn round: from statistics of an empty table it would read all tasks, once for each that is asked for.
 */
export function completedText(s: string): string {
  return `if not p_kept and cardinality(d_id) = 1 then
      delete from ${s}.queue_task t
      where t.id = d_id[1] and t.epoch = d_epoch and t.holder = p_worker and not t.special and t.keep_completed_ms = 0
      returning t.queue, 1 as count, ${runOf(s)}::float8 as ms, ${runOf(s)}::float8 as most, d_id as ids,
        array[t.name] as names into r;
      if found then
        ${completedNote(s)}
      end if;
    elsif not p_kept then
      for r in
        with gone as (
          ${goneText(s)} and t.keep_completed_ms = 0
          returning t.id, t.queue, t.name, ${runOf(s)} as ms
        )
        ${GONE_SUMS}
      loop
        ${completedNote(s)}
      end loop;
    end if;
    if cardinality(o_done) < cardinality(d_id) then
      for r in
        with gone as (
          ${goneText(s)} returning t.*, ${runOf(s)} as ms
        ), kept as (
          insert into ${s}.queue_finished (${SHARED_COLUMNS}, state, history, result, finished_at, expires_at)
          select ${sharedOf('g')}, 'completed', g.history,
            case when cardinality(d_result) > 0 then d_result[array_position(d_id, g.id)] end, v_now,
            v_now + g.keep_completed_ms * interval '1 millisecond'
          from gone g where g.keep_completed_ms > 0
        )
        ${GONE_SUMS}
      loop
        ${completedNote(s)}
      end loop;
    end if;
    if v_governed then
      perform pg_notify('${s}_queue', q.queue) from ${s}.queue_setting q
      where q.concurrency is not null and q.queue = any(v_ended);
    end if;
    if cardinality(o_done) < cardinality(d_id) then
      ${specialText(s, 'completed')}
    end if;
    if cardinality(o_done) = cardinality(d_id) then o_done := null; end if;`;
}

/** A task has a holder while it is leased, and after its lease lapsed until somebody else takes it over. */
function goneText(s: string): string {
  return `delete from ${s}.queue_task t
          where t.id = any(d_id) and t.epoch = d_epoch and t.holder = p_worker and not t.special`;
}

function runOf(s: string): string {
  return `greatest(0, v_ms - ${s}.queue_ms(t.started_at))`;
}

const GONE_SUMS = `select g.queue, count(*)::integer as count, sum(g.ms)::float8 as ms, max(g.ms)::float8 as most,
          array_agg(g.id) as ids,
          case when min(g.name) = max(g.name) then array[min(g.name)] else array_agg(g.name) end as names
        from gone g group by g.queue`;

function completedNote(s: string): string {
  return `insert into ${s}.queue_event (at, type, queue, subjects, names, epochs, count, counted, ms, ms_max)
        values (v_now, 'task.completed', r.queue, r.ids, r.names, array[d_epoch], r.count, r.count, r.ms, r.most);
        o_done := o_done || r.ids;
        v_ended := array_append(v_ended, r.queue);`;
}

/** Settles what the path of plain tasks left: special ones, one by one. */
function specialText(s: string, which: 'completed' | 'others'): string {
  const completed = which === 'completed';
  const rows = completed
    ? `unnest(d_id, d_result) with ordinality as d(id, result, ord)`
    : `unnest(s_id, s_epoch, s_outcome, s_wait, s_absolute, s_entry, s_result) with ordinality
        as d(id, epoch, outcome, wait, absolute, entry, result, ord)`;
  const how = completed
    ? "d_epoch, 'completed', null, r.result, null"
    : `r.epoch, r.outcome, ${dueOf('r.wait', 'r.absolute')}, r.result, r.entry`;
  const [done, key, cancelled] = completed
    ? ['o_done', 'id', 'o_done_cancelled']
    : ['o_settled', 'ord::integer', 'o_settled_cancelled'];
  return `for r in
        select d.*, t.queue from ${rows}
        cross join lateral (select x.queue from ${s}.queue_task x where x.id = d.id and x.special offset 0) t
        where d.${key} <> all(${done}) order by d.ord
      loop
        v_text := ${s}.queue_settle_v1(p_worker, r.id, ${how}, v_now);
        continue when v_text = 'stale';
        ${done} := array_append(${done}, r.${key});
        if v_text = 'cancelled' then ${cancelled} := array_append(${cancelled}, r.${key}); end if;
        perform pg_notify('${s}_queue', q.queue) from ${s}.queue_setting q
        where q.queue = r.queue and q.concurrency is not null;
      end loop;`;
}

/** Everything else. */
export function settledText(s: string): string {
  return `with held as materialized (
      select t.id, s.outcome, s.entry, s.result, s.ord, ${dueOf('s.wait', 's.absolute')} as due
      from (
        select * from unnest(s_id, s_epoch, s_outcome, s_wait, s_absolute, s_entry, s_result) with ordinality
          as u(id, epoch, outcome, wait, absolute, entry, result, ord) order by u.id
      ) s cross join lateral (
        select x.id from ${s}.queue_task x
        where x.id = s.id and x.epoch = s.epoch and x.holder = p_worker and not x.special for update
      ) t
    ), gone as (
      delete from ${s}.queue_task t
      where t.id = any(array(select h.id from held h where h.outcome in ('dead', 'completed')))
      returning t.*
    ), ended as materialized (
      select g.*, h.outcome, h.entry, h.result, h.ord from gone g
      cross join lateral (select * from held x where x.id = g.id offset 0) h
    ), kept as (
      insert into ${s}.queue_finished (${SHARED_COLUMNS}, state, history, result, finished_at, expires_at)
      select ${sharedOf('g')}, g.outcome, case when g.entry is null then g.history else array_append(g.history, g.entry) end,
        g.result, v_now, v_now + g.keep * interval '1 millisecond'
      from (
        select e.*, case e.outcome when 'dead' then e.keep_dead_ms else e.keep_completed_ms end as keep from ended e
      ) g where g.keep > 0
    ), back as (
      update ${s}.queue_task t set holder = null, lease_until = null,
        (state, run_at, attempts, history) = (
          select case when h.due <= v_now then 'ready' else 'scheduled' end, h.due,
            t.attempts - case when h.outcome = 'released' then 1 else 0 end,
            case when h.entry is null then t.history else array_append(t.history, h.entry) end
          from held h where h.id = t.id
        )
      where t.id = any(array(select h.id from held h where h.outcome not in ('dead', 'completed')))
      returning t.queue, t.id, t.name, t.epoch, t.started_at
    ), again as materialized (
      select b.*, h.outcome, h.ord from back b
      cross join lateral (select * from held x where x.id = b.id offset 0) h
    ), noted as (
      ${noted(s, "'task.dead'", "select queue, id, name, epoch, ord from ended where outcome = 'dead'")}
    ), completions as (
      ${noted(s, "'task.completed'", "select queue, id, name, epoch, ord from ended where outcome = 'completed'")}
    ), failures as (
      ${noted(s, "'task.failed'", "select queue, id, name, epoch, ord from again where outcome = 'retry'")}
    ), releases as (
      ${noted(s, "'task.released'", "select queue, id, name, epoch, ord from again where outcome = 'released'")}
    ), counted as (
      ${ran(s, 'dead', "select queue, started_at from ended where outcome = 'dead'")}
    ), done as (
      ${ran(s, 'completed', "select queue, started_at from ended where outcome = 'completed'")}
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
    where (select count(*) from woken) >= 0;
    if cardinality(o_settled) < cardinality(s_id) then
      ${specialText(s, 'others')}
    end if;`;
}
