import { SHARED_COLUMNS, sharedOf } from '../tables.js';
import { noted, pruneJournal, ran } from './journal.js';
import { PLANNER } from './planner.js';

const LAPSED = (
  s: string,
  t: string,
): string => `json_strip_nulls(json_build_object('kind', 'lapsed',
        'at', ${s}.queue_ms(v_now), 'attempt', ${t}.attempts, 'epoch', ${t}.epoch, 'worker', ${t}.holder))::text`;

/** Lapses leases and drops what is past its retention. */
export function createSweep(s: string): string {
  const late = (what: string, which: string, lock: string): string => `from (
      select * from ${s}.queue_lease where until <= v_now order by until
    ) l cross join unnest(l.ids) as i(id) cross join lateral (
      select ${what} from ${s}.queue_task t where t.id = i.id and t.lease_until <= v_now and ${which} ${lock}
    ) t`;
  const locked = 'for update skip locked';
  return `
create function ${s}.queue_sweep_v1(p_limit integer)
returns table (o_kind text, o_id uuid, o_queue text, o_name text, o_count bigint) language plpgsql ${PLANNER} as $$
#variable_conflict use_column
declare
  v_now timestamptz := ${s}.queue_now();
  v_ended text[] := '{}';
  v_patience text := current_setting('lock_timeout');
  v_busy text[] := '{}';
  r record;
begin
  for r in
  with late as materialized (
    select t.* ${late('t.ctid as place, t.attempts >= t.max_attempts as last', 'not t.special', locked)} limit p_limit
  ), gone as (
    delete from ${s}.queue_task t where t.ctid = any(array(select l.place from late l where l.last)) returning t.*
  ), kept as (
    insert into ${s}.queue_finished (${SHARED_COLUMNS}, state, history, result, finished_at, expires_at)
    select ${sharedOf('g')}, 'dead', array_append(g.history, ${LAPSED(s, 'g')}), null, v_now, v_now + g.keep_dead_ms * interval '1 millisecond'
    from gone g where g.keep_dead_ms > 0
  ), back as (
    update ${s}.queue_task t set lease_until = null, history = array_append(t.history, ${LAPSED(s, 't')})
    where t.ctid = any(array(select l.place from late l where not l.last))
    returning t.id, t.queue, t.name, t.epoch, t.seq, t.started_at
  ), lapses as (
    ${noted(s, "'task.lapsed'", 'select queue, id, name, epoch, seq as ord from back union all select queue, id, name, epoch, seq from gone')} returning 1
  ), deaths as (
    -- Parts of a statement have no order of their own: this one waits for the other.
    ${noted(s, "'task.dead'", 'select queue, id, name, epoch, seq as ord from gone where (select count(*) from lapses) > 0')}
  ), repeated as (
    ${ran(s, 'failed', 'select queue, started_at from back')}
  ), counted as (
    ${ran(s, 'dead', 'select queue, started_at from gone')}
  ), woken as (
    select pg_notify('${s}_queue', q.queue) from (
      select back.queue from back union
      select q.queue from ${s}.queue_setting q
      where q.concurrency is not null and q.queue in (select gone.queue from gone)
    ) q
  )
  select 'lapsed' as kind, back.id, back.queue, back.name, (select count(*) from woken) from back
  union all
  select 'died', gone.id, gone.queue, gone.name, (select count(*) from woken) from gone
  loop
    if r.kind = 'died' and not r.queue = any(v_ended) then v_ended := array_append(v_ended, r.queue); end if;
    o_kind := r.kind;
    o_id := r.id;
    o_queue := r.queue;
    o_name := r.name;
    return next;
  end loop;
  perform ${s}.queue_drained_v1(e.queue, v_now) from unnest(v_ended) as e(queue);
  delete from ${s}.queue_parked k where k.worker = any(array(
    select p.worker from ${s}.queue_parked p where p.until <= v_now for update skip locked));
  ${lockText(s, `select t.queue ${late('t.queue', 't.special', 'offset 0')}`)}
  for r in
    select t.* ${late('t.*', 't.special and t.queue <> all(v_busy)', locked)} limit p_limit
  loop
    -- Once is enough for a task with several rows of leases: that of its claim, and those of its extensions.
    continue when not exists (select from ${s}.queue_task t where t.id = r.id and t.lease_until <= v_now);
    perform ${s}.queue_note_v1('task.lapsed', r.queue, r.id::text, r.name, r.epoch, null, v_now);
    if not r.cancelling then
      perform ${s}.queue_ran_v1(r.queue, case when r.attempts >= r.max_attempts then 'dead' else 'failed' end,
        r.started_at, v_now);
    end if;
    if r.cancelling or r.attempts >= r.max_attempts then
      perform ${s}.queue_finish_v1(r.id, case when r.cancelling then 'cancelled' else 'dead' end, ${LAPSED(s, 'r')},
        null, v_now);
      perform ${s}.queue_ended_v1(array[r.id], false, v_now);
      continue when r.cancelling;
      o_kind := 'died';
    else
      update ${s}.queue_task t set lease_until = null, history = array_append(t.history, ${LAPSED(s, 'r')}) where t.id = r.id;
      if r.grp is not null then perform ${s}.queue_arrive_v1(r.id, v_now); end if;
      o_kind := 'lapsed';
    end if;
    perform pg_notify('${s}_queue', r.queue);
    o_id := r.id;
    o_queue := r.queue;
    o_name := r.name;
    return next;
  end loop;
  delete from ${s}.queue_lease l where l.until <= v_now and not exists (
    select 1 from ${s}.queue_task t where t.id = any(l.ids) and t.lease_until <= v_now);
  ${pruneText(s)}
  ${pruneJournal(s)}
end $$;
`;
}

/** Undoes {@link createSweep}. */
export function dropSweep(s: string): string {
  return `drop function ${s}.queue_sweep_v1;\n`;
}

/**
 * Locks the governed queues that have something to be swept. One that stays locked, as by a caller's transaction that
 * is open for long, is left to the next sweep: the others do not wait for it. Nor do those that are locked by now for
 * many such queues: patience is for the first of them.
 */
function lockText(s: string, late: string): string {
  return `perform set_config('lock_timeout', '1s', true);
  for r in
    select q.queue from ${s}.queue_setting q where q.governed and (
      q.queue in (${late})
      or exists (select 1 from ${s}.queue_finished f where f.expires_at <= v_now and f.queue = q.queue and f.slot))
    order by q.queue
  loop
    begin
      perform 1 from ${s}.queue_setting q where q.queue = r.queue for update;
    exception when lock_not_available then
      v_busy := array_append(v_busy, r.queue);
      perform set_config('lock_timeout', '50ms', true);
    end;
  end loop;
  perform set_config('lock_timeout', v_patience, true);`;
}

function pruneText(s: string): string {
  return `for r in
    select f.id, f.queue, f.grp from ${s}.queue_finished f
    where f.expires_at <= v_now and f.slot and f.queue <> all(v_busy) and not ${s}.queue_live_parent_v1(f.id)
    order by f.expires_at limit p_limit
  loop
    update ${s}.queue_finished f set slot = false where f.id = r.id;
    perform ${s}.queue_free_slot_v1(r.queue, r.grp, v_now);
    perform ${s}.queue_forget_v1(r.queue, r.grp, v_now);
  end loop;
  return query
  with old as (
    select f.id from ${s}.queue_finished f
    where f.expires_at <= v_now and not f.slot and not ${s}.queue_live_parent_v1(f.id)
    order by f.expires_at limit p_limit for update skip locked
  ), pruned as (
    delete from ${s}.queue_finished f using old where f.id = old.id returning f.id
  ), parents as (
    delete from ${s}.queue_child c using pruned p where c.parent = p.id
  ), children as (
    delete from ${s}.queue_child c using pruned p where c.child = p.id
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
  for r in
    select g.queue, g.grp from ${s}.queue_group g join ${s}.queue_setting q on q.queue = g.queue
    where g.live = 0 and g.held = 0 order by g.queue limit p_limit for update of q skip locked
  loop
    perform ${s}.queue_forget_v1(r.queue, r.grp, v_now);
  end loop;
  return query
  select 'due', null::uuid, null, null, count(*) from ${s}.queue_schedule x
  where x.next_run_at <= ${s}.queue_ms(v_now) having count(*) > 0;`;
}
