import { SHARED_COLUMNS, sharedOf } from '../tables.js';
import { noted, ran } from './journal.js';
import { dueOf } from './planner.js';

/**
 * How leases end: parts of `queue_exchange_v1`. `d_` are completed tasks, which most are: they have a path of their
 * own, without a lock before the deletion, and a narrow one where none of them is kept. `s_` are the other ways.
 */
export function completedText(s: string): string {
  return `if not p_kept then
      for r in
        with gone as (
          ${goneText(s)} and t.keep_completed_ms = 0
          returning t.queue, t.name, ${runOf(s)} as ms, d.ord::integer as ord
        )
        ${goneSums()}
      loop
        ${completedNote(s)}
      end loop;
    end if;
    if cardinality(o_done) < cardinality(d_id) then
      for r in
        with gone as (
          ${goneText(s)} returning t.*, ${runOf(s)} as ms, d.result, d.ord::integer as ord
        ), kept as (
          insert into ${s}.queue_finished (${SHARED_COLUMNS}, state, history, result, finished_at, expires_at)
          select ${sharedOf('g')}, 'completed', g.history, g.result, v_now,
            v_now + g.keep_completed_ms * interval '1 millisecond'
          from gone g where g.keep_completed_ms > 0
        )
        ${goneSums()}
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
          using unnest(d_id, d_epoch, d_result) with ordinality as d(id, epoch, result, ord)
          where t.id = d.id and t.epoch = d.epoch and t.holder = p_worker and not t.special`;
}

function runOf(s: string): string {
  return `greatest(0, v_ms - ${s}.queue_ms(t.started_at))`;
}

function goneSums(): string {
  return `select g.queue, count(*)::integer as count, sum(g.ms)::float8 as ms, max(g.ms)::float8 as most,
          array_agg(g.ord) as ords,
          case when min(g.name) = max(g.name) then array[min(g.name)] else array_agg(g.name) end as names
        from gone g group by g.queue`;
}

/** Mostly what was asked for was done, and the arrays that came in are those that are kept. */
function completedNote(s: string): string {
  return `v_ids := d_id;
        v_epochs := d_epoch;
        if r.count < cardinality(d_id) then
          select array_agg(d_id[o.at]), array_agg(d_epoch[o.at]) into v_ids, v_epochs from unnest(r.ords) as o(at);
        end if;
        insert into ${s}.queue_event (at, type, queue, subjects, names, epochs, count, counted, ms, ms_max)
        values (v_now, 'task.completed', r.queue, v_ids, r.names, v_epochs, r.count, r.count, r.ms, r.most);
        o_done := o_done || r.ords;
        v_ended := array_append(v_ended, r.queue);`;
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

/** Everything but completing. */
export function settledText(s: string): string {
  return `with s as (
      select * from unnest(s_id, s_epoch, s_outcome, s_wait, s_absolute, s_entry) with ordinality
        as s(id, epoch, outcome, wait, absolute, entry, ord)
    ), held as (
      select t.id, s.outcome, s.entry, s.ord, ${dueOf('s.wait', 's.absolute')} as due
      from s join ${s}.queue_task t on s.id = t.id
      where t.epoch = s.epoch and t.holder = p_worker and not t.special
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
      ${noted(s, "'task.dead'", 'select queue, id, name, epoch, ord from gone')}
    ), failures as (
      ${noted(s, "'task.failed'", "select queue, id, name, epoch, ord from again where outcome = 'retry'")}
    ), releases as (
      ${noted(s, "'task.released'", "select queue, id, name, epoch, ord from again where outcome = 'released'")}
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
    where (select count(*) from woken) >= 0;
    if cardinality(o_settled) < cardinality(s_id) then
      ${specialText(s, 'others')}
    end if;`;
}
