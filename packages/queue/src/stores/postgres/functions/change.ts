import { SHARED_COLUMNS } from '../tables.js';
import { PLANNER } from './planner.js';

const RENEWED = ['attempts', 'holder', 'payload', 'run_at', 'progress'];
const KEPT = SHARED_COLUMNS.split(', ').filter((column) => !RENEWED.includes(column));

/** What operators do to tasks: each in its turn, for one change can end another task. */
export function createChange(s: string): string {
  return `
create function ${s}.queue_take_key_v1(p_queue text, p_key text, p_id uuid, p_expires timestamptz, p_now timestamptz)
returns boolean language plpgsql as $$
begin
  if p_key is null then return true; end if;
  -- One at a time for each key: what decides below must see the task that the one before made.
  perform pg_advisory_xact_lock(hashtextextended(p_queue || ' ' || p_key, 0));
  insert into ${s}.queue_key as k (queue, key, task_id, expires_at) values (p_queue, p_key, p_id, p_expires)
  on conflict (queue, key) do update set task_id = excluded.task_id, expires_at = excluded.expires_at
  where k.expires_at <= p_now and not exists (select 1 from ${s}.queue_task t where t.id = k.task_id);
  return (select k.task_id = p_id from ${s}.queue_key k where k.queue = p_queue and k.key = p_key);
end $$;

create function ${s}.queue_change_v1(p_kind text, p_ids uuid[], p_limit integer, p_from integer, p_by text,
  p_reason text, p_payload text, p_every float8, p_priority smallint, p_to text, p_running boolean)
returns setof uuid language plpgsql ${PLANNER} as $$
#variable_conflict use_column
declare
  v_now timestamptz := ${s}.queue_now();
  v_count integer := 0;
  v_done text := case p_kind when 'redrive' then 'redriven' when 'cancel' then 'cancelled' when 'remove' then 'removed'
    when 'promote' then 'promoted' when 'reprioritise' then 'reprioritised' when 'move' then 'moved' end;
  v_id uuid;
  v_live boolean;
  v_entry text;
  v_said jsonb;
  v_who text;
  -- Of each task that was cleaned.
  v_cleaned text[] := '{}';
  t ${s}.queue_task;
  f ${s}.queue_finished;
begin
  if p_kind = 'move' then
    insert into ${s}.queue_setting as q (queue, governed, key_starts)
    select p_to, true, bool_or(coalesce(x.key_start, false)) from (
      select x.grp, x.key_start from ${s}.queue_task x where x.id = any(p_ids)
      union all select x.grp, x.key_start from ${s}.queue_finished x where x.id = any(p_ids)
    ) x where x.grp is not null or x.key_start having count(*) > 0
    on conflict (queue) do update set governed = true, key_starts = q.key_starts or excluded.key_starts;
  end if;
  perform 1 from ${s}.queue_setting q where q.queue = p_to
    or q.queue in (select x.queue from ${s}.queue_task x where x.id = any(p_ids))
    or q.queue in (select x.queue from ${s}.queue_finished x where x.id = any(p_ids))
  order by q.queue for update;
  foreach v_id in array p_ids loop
    exit when v_count >= p_limit;
    select * into t from ${s}.queue_task x where x.id = v_id for update;
    v_live := found;
    if not v_live then
      select * into f from ${s}.queue_finished x where x.id = v_id for update;
      continue when not found;
    end if;
    v_said := jsonb_strip_nulls(jsonb_build_object('by', p_by, 'reason', p_reason,
      'from', case when p_kind = 'move' and v_live then t.queue when p_kind = 'move' then f.queue end));
    v_who := nullif(v_said::text, '{}');
    v_entry := (v_said || jsonb_strip_nulls(jsonb_build_object('kind', v_done, 'at', ${s}.queue_ms(v_now),
      'attempt', case when v_live then t.attempts else f.attempts end,
      'epoch', case when v_live then t.epoch else f.epoch end,
      'edited', case when p_payload is not null then true end)))::text;
    if p_kind = 'redrive' then
      continue when v_live or f.state <> 'dead' or not ${s}.queue_take_key_v1(f.queue,
        ${keyOf('f')}, f.id, f.enqueued_at + coalesce(f.key_ttl_ms, 0) * interval '1 millisecond', v_now);
      ${redriveText(s)}
    elsif p_kind = 'cancel' then
      continue when not v_live or (t.lease_until is not null and (not p_running or t.cancelling));
      if t.lease_until is not null then
        update ${s}.queue_task x set cancelling = true, special = true, history = array_append(x.history, v_entry)
        where x.id = v_id;
      else
        update ${s}.queue_task x set holder = null where x.id = v_id;
        perform ${s}.queue_finish_v1(v_id, 'cancelled', v_entry, null, v_now, v_who);
        perform ${s}.queue_ended_v1(array[v_id], false, v_now);
      end if;
    elsif p_kind = 'remove' then
      continue when v_live and t.lease_until is not null;
      ${removeText(s)}
    elsif p_kind = 'clean' then
      continue when v_live;
      ${removeText(s)}
      v_cleaned := v_cleaned || f.queue;
    elsif p_kind = 'promote' then
      continue when not v_live or t.state <> 'scheduled' or t.blocked is not null;
      update ${s}.queue_task x set run_at = v_now, history = array_append(x.history, v_entry) where x.id = v_id;
      perform ${s}.queue_arrive_v1(v_id, v_now);
    elsif p_kind = 'reprioritise' then
      continue when not v_live or t.lease_until is not null or t.priority = p_priority
        or not ${s}.queue_takes_v1(t.queue, p_priority);
      update ${s}.queue_task x set priority = p_priority, history = array_append(x.history, v_entry) where x.id = v_id;
    elsif p_kind = 'move' then
      continue when (v_live and (t.lease_until is not null or t.blocked is not null or t.queue = p_to
          or cardinality(t.children) > 0))
        or (not v_live and (f.state <> 'dead' or f.queue = p_to or cardinality(f.children) > 0))
        or exists (select 1 from ${s}.queue_child c where c.child = v_id)
        or not ${s}.queue_takes_v1(p_to, case when v_live then t.priority else f.priority end);
      ${moveText(s)}
    end if;
    if p_kind in ('promote', 'reprioritise', 'move', 'remove') then
      perform ${s}.queue_note_v1('task.' || v_done,
        case when p_kind = 'move' then p_to when v_live then t.queue else f.queue end, v_id::text,
        case when v_live then t.name else f.name end, null, v_who, v_now);
    end if;
    v_count := v_count + 1;
    return next v_id;
    if p_kind in ('redrive', 'promote', 'move', 'reprioritise') then
      perform pg_notify('${s}_queue', case p_kind when 'move' then p_to when 'redrive' then f.queue else t.queue end);
    end if;
  end loop;
  perform ${s}.queue_note_v1('queue.cleaned', c.queue, c.queue, null, null, jsonb_strip_nulls(
    jsonb_build_object('by', p_by, 'reason', p_reason, 'count', c.count))::text, v_now)
  from (select u.queue, count(*) as count from unnest(v_cleaned) as u(queue) group by u.queue) c;
end $$;
`;
}

/** Undoes {@link createChange}. */
export function dropChange(s: string): string {
  return `drop function ${s}.queue_change_v1;\ndrop function ${s}.queue_take_key_v1;\n`;
}

/** The key that a task may take again: one that its start frees it has lost then. */
const keyOf = (row: string): string =>
  `case when not (coalesce(${row}.key_start, false) and ${row}.epoch > 0) then ${row}.key end`;

function redriveText(s: string): string {
  return `delete from ${s}.queue_finished x where x.id = v_id;
      insert into ${s}.queue_task (${KEPT.join(', ')}, payload, run_at, state, special, history)
      select ${KEPT.map((column) => `x.${column}`).join(', ')}, coalesce(p_payload, x.payload),
        v_now + (p_from + v_count) * p_every * interval '1 millisecond', 'scheduled',
        x.grp is not null or coalesce(x.key_free, false) or x.children is not null
          or exists (select 1 from ${s}.queue_child c where c.child = x.id),
        array_append(x.history, v_entry)
      from (select (f).*) x;
      perform ${s}.queue_note_v1('task.redriven', f.queue, v_id::text, f.name, f.epoch, v_who, v_now);
      perform ${s}.queue_join_v1(v_id, false, v_now);
      perform ${s}.queue_wait_v1(v_id, v_now);`;
}

function removeText(s: string): string {
  return `delete from ${s}.queue_child c where c.parent = v_id;
      if v_live then
        delete from ${s}.queue_task x where x.id = v_id;
        delete from ${s}.queue_key k where k.task_id = v_id;
        if t.slot then perform ${s}.queue_free_slot_v1(t.queue, t.grp, v_now); end if;
        if t.grp is not null then perform ${s}.queue_part_v1(t.queue, t.grp, v_now); end if;
        perform ${s}.queue_ended_v1(array[v_id], false, v_now);
      else
        delete from ${s}.queue_finished x where x.id = v_id;
        delete from ${s}.queue_key k where k.task_id = v_id;
        delete from ${s}.queue_child c where c.child = v_id;
        if f.slot then perform ${s}.queue_free_slot_v1(f.queue, f.grp, v_now); end if;
        if f.grp is not null then perform ${s}.queue_forget_v1(f.queue, f.grp, v_now); end if;
      end if;`;
}

function moveText(s: string): string {
  return `if v_live then
        continue when not ${s}.queue_take_key_v1(p_to, ${keyOf('t')}, v_id,
          t.enqueued_at + coalesce(t.key_ttl_ms, 0) * interval '1 millisecond', v_now);
        delete from ${s}.queue_key k where k.queue = t.queue and k.key = t.key and k.task_id = v_id;
        update ${s}.queue_task x set queue = p_to, slot = false, holder = null, state = 'scheduled', seq = default,
          history = array_append(x.history, v_entry)
        where x.id = v_id;
        if t.slot then perform ${s}.queue_free_slot_v1(t.queue, t.grp, v_now); end if;
        if t.grp is not null then perform ${s}.queue_part_v1(t.queue, t.grp, v_now); end if;
        perform ${s}.queue_join_v1(v_id, true, v_now);
        perform ${s}.queue_arrive_v1(v_id, v_now);
      else
        continue when not ${s}.queue_take_key_v1(p_to, ${keyOf('f')}, v_id,
          f.enqueued_at + coalesce(f.key_ttl_ms, 0) * interval '1 millisecond', v_now);
        delete from ${s}.queue_key k where k.queue = f.queue and k.key = f.key and k.task_id = v_id;
        update ${s}.queue_finished x set queue = p_to, slot = false, holder = null,
          history = array_append(x.history, v_entry) where x.id = v_id;
        if f.slot then perform ${s}.queue_free_slot_v1(f.queue, f.grp, v_now); end if;
        if f.grp is not null then perform ${s}.queue_forget_v1(f.queue, f.grp, v_now); end if;
      end if;`;
}
