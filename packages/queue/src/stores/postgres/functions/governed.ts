import { SHARED_COLUMNS, sharedOf } from '../tables.js';

/*
 * How special tasks end, one at a time. Whoever calls these holds the locks on the settings of the queues. They say in
 * SQL what the memory store says in TypeScript, under the same names.
 */

/** The end of tasks, and what it means for their parents. */
function ends(s: string): string {
  return `
create function ${s}.queue_live_parent_v1(p_id uuid) returns boolean language sql volatile as $$
  select exists (select 1 from ${s}.queue_child c join ${s}.queue_task p on p.id = c.parent where c.child = p_id)
$$;

-- Ends a task for good; p_entry goes to its history. Its parents are told by queue_ended_v1.
create function ${s}.queue_finish_v1(p_id uuid, p_state text, p_entry text, p_result text, p_now timestamptz,
  p_who text default null)
returns void language plpgsql as $$
declare
  g ${s}.queue_task;
  v_keep bigint;
  v_hold boolean := false;
begin
  delete from ${s}.queue_task t where t.id = p_id returning * into g;
  if p_entry is not null then g.history := array_append(g.history, p_entry); end if;
  if g.slot and p_state = 'dead' then
    select coalesce(q.fifo = 'block', false) into v_hold from ${s}.queue_group q
    where q.queue = g.queue and q.grp = g.grp;
  end if;
  v_keep := case p_state when 'dead' then g.keep_dead_ms else g.keep_completed_ms end;
  if g.slot and v_hold and v_keep = 0 then v_hold := false; end if;
  if v_keep > 0 or ${s}.queue_live_parent_v1(p_id) then
    insert into ${s}.queue_finished (${SHARED_COLUMNS}, state, history, result, finished_at, expires_at)
    select ${sharedOf('x')}, p_state, g.history, p_result, p_now, p_now + v_keep * interval '1 millisecond'
    from (select (g).*) x;
    if g.slot and not v_hold then update ${s}.queue_finished f set slot = false where f.id = p_id; end if;
  else
    delete from ${s}.queue_child c where c.parent = p_id;
  end if;
  if g.slot and not v_hold then perform ${s}.queue_free_slot_v1(g.queue, g.grp, p_now); end if;
  if g.grp is not null then perform ${s}.queue_part_v1(g.queue, g.grp, p_now); end if;
  if g.key_free and p_state <> 'completed' then
    delete from ${s}.queue_key k where k.queue = g.queue and k.key = g.key and k.task_id = p_id;
  end if;
  perform ${s}.queue_note_v1('task.' || p_state, g.queue, p_id::text, g.name, nullif(g.epoch, 0), p_who, p_now);
  perform ${s}.queue_drained_v1(g.queue, p_now);
end $$;

-- Children ended: worked off one by one, so that a long chain of failures needs no deep stack. The parents are locked:
-- of two children that end at once, in transactions of their own, the second then sees that the first is gone.
create function ${s}.queue_ended_v1(p_ids uuid[], p_completed boolean, p_now timestamptz) returns void
language plpgsql as $$
declare
  v_ids uuid[] := p_ids;
  v_completed boolean;
  v_at integer := 1;
  v_parent ${s}.queue_task;
begin
  while v_at <= cardinality(v_ids) loop
    v_completed := p_completed and v_at <= cardinality(p_ids);
    for v_parent in
      select p.* from ${s}.queue_child c join ${s}.queue_task p on p.id = c.parent
      where c.child = v_ids[v_at] and p.blocked = 'children' order by p.seq for update of p
    loop
      if not v_completed and v_parent.on_failure = 'fail' then
        perform ${s}.queue_ran_v1(v_parent.queue, 'dead', null, p_now);
        perform ${s}.queue_finish_v1(v_parent.id, 'dead', json_build_object('kind', 'child', 'child', v_ids[v_at],
          'at', ${s}.queue_ms(p_now), 'attempt', v_parent.attempts, 'epoch', v_parent.epoch)::text, null, p_now);
        v_ids := array_append(v_ids, v_parent.id);
      elsif not exists (
        select 1 from ${s}.queue_child c join ${s}.queue_task t on t.id = c.child where c.parent = v_parent.id
      ) then
        update ${s}.queue_task t set run_at = greatest(t.run_at, p_now) where t.id = v_parent.id;
        perform ${s}.queue_arrive_v1(v_parent.id, p_now);
        perform pg_notify('${s}_queue', v_parent.queue);
      end if;
    end loop;
    v_at := v_at + 1;
  end loop;
  -- What leaves no trace was kept for its parent only, and the parent may have ended with it.
  for v_parent.id in
    delete from ${s}.queue_finished f where f.id = any(v_ids) and f.expires_at <= p_now
      and not ${s}.queue_live_parent_v1(f.id)
    returning f.id
  loop
    delete from ${s}.queue_child c where c.parent = v_parent.id;
  end loop;
  delete from ${s}.queue_child c where c.child = any(v_ids)
    and not exists (select 1 from ${s}.queue_finished f where f.id = c.child);
end $$;

-- A parent waits for those of its children that are live, or arrives.
create function ${s}.queue_wait_v1(p_id uuid, p_now timestamptz) returns void language plpgsql as $$
begin
  if exists (select 1 from ${s}.queue_child c join ${s}.queue_task t on t.id = c.child where c.parent = p_id) then
    update ${s}.queue_task t set state = 'scheduled', blocked = 'children' where t.id = p_id;
  else
    perform ${s}.queue_arrive_v1(p_id, p_now);
  end if;
end $$;

-- Ends the lease of a special task.
create function ${s}.queue_settle_v1(p_worker text, p_id uuid, p_epoch integer, p_outcome text, p_due timestamptz,
  p_result text, p_entry text, p_now timestamptz) returns text language plpgsql as $$
declare v_task ${s}.queue_task;
begin
  select * into v_task from ${s}.queue_task t where t.id = p_id and t.epoch = p_epoch and t.holder = p_worker
    for update;
  if not found then return 'stale'; end if;
  if v_task.cancelling or p_outcome in ('completed', 'dead') then
    if v_task.cancelling then p_result := null;
    else perform ${s}.queue_ran_v1(v_task.queue, p_outcome, v_task.started_at, p_now);
    end if;
    perform ${s}.queue_finish_v1(p_id, case when v_task.cancelling then 'cancelled' else p_outcome end, p_entry,
      p_result, p_now);
    perform ${s}.queue_ended_v1(array[p_id], p_outcome = 'completed' and not v_task.cancelling, p_now);
    return case when v_task.cancelling then 'cancelled' else 'ok' end;
  end if;
  update ${s}.queue_task t set holder = null, lease_until = null, run_at = p_due,
    attempts = t.attempts - case when p_outcome = 'released' then 1 else 0 end,
    history = case when p_entry is null then t.history else array_append(t.history, p_entry) end
  where t.id = p_id;
  if p_outcome = 'retry' then
    perform ${s}.queue_ran_v1(v_task.queue, 'failed', v_task.started_at, p_now);
  end if;
  perform ${s}.queue_note_v1(case p_outcome when 'retry' then 'task.failed' else 'task.released' end, v_task.queue,
    p_id::text, v_task.name, v_task.epoch, null, p_now);
  perform ${s}.queue_arrive_v1(p_id, p_now);
  if p_due > p_now and v_task.slot
    and (select g.fifo is null from ${s}.queue_group g where g.queue = v_task.queue and g.grp = v_task.grp)
  then
    update ${s}.queue_task t set slot = false where t.id = p_id;
    perform ${s}.queue_free_slot_v1(v_task.queue, v_task.grp, p_now);
  end if;
  perform pg_notify('${s}_queue', v_task.queue);
  return 'ok';
end $$;
`;
}

/** Functions that end leases and tasks of governed queues. */
export function createGoverned(s: string): string {
  return ends(s);
}

/** Undoes {@link createGoverned}. */
export function dropGoverned(s: string): string {
  return ['settle', 'wait', 'ended', 'finish', 'live_parent']
    .map((name) => `drop function ${s}.queue_${name}_v1;\n`)
    .join('');
}
