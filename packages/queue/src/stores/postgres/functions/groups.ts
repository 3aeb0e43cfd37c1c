/*
 * Limits of groups, one task or group at a time. Whoever calls these holds the locks on the settings of the queues. They
 * say in SQL what the memory store says in TypeScript, under the same names.
 */

/** Rates: `grp` '' is the queue itself. */
function rates(s: string): string {
  return `
create function ${s}.queue_rate_used_v1(p_queue text, p_grp text, p_window float8, p_now timestamptz)
returns bigint language sql volatile as $$
  select coalesce(sum(r.count), 0)::bigint from ${s}.queue_rate r
  where r.queue = p_queue and r.grp = p_grp and ${s}.queue_ms(p_now) - r.slice_end < p_window
$$;

create function ${s}.queue_rate_free_v1(p_queue text, p_grp text, p_window float8, p_now timestamptz)
returns bigint language sql volatile as $$
  select min(r.slice_end) + p_window::bigint from ${s}.queue_rate r
  where r.queue = p_queue and r.grp = p_grp and ${s}.queue_ms(p_now) - r.slice_end < p_window
$$;

create function ${s}.queue_rate_note_v1(p_queue text, p_grp text, p_window float8, p_now timestamptz, p_count bigint)
returns void language plpgsql as $$
declare v_slice float8 := ceil(p_window / 20);
begin
  delete from ${s}.queue_rate r
  where r.queue = p_queue and r.grp = p_grp and ${s}.queue_ms(p_now) - r.slice_end >= p_window;
  insert into ${s}.queue_rate as r (queue, grp, slice_end, count)
  values (p_queue, p_grp, ((floor(${s}.queue_ms(p_now) / v_slice) + 1) * v_slice)::bigint, p_count)
  on conflict (queue, grp, slice_end) do update set count = r.count + excluded.count;
end $$;
`;
}

/** Limits and slots of groups. */
function groups(s: string): string {
  return `
create function ${s}.queue_limits_v1(p_queue text, p_grp text) returns jsonb language sql volatile as $$
  select coalesce(q.groups -> p_grp, q.group_defaults) from ${s}.queue_setting q where q.queue = p_queue
$$;

-- Slots that are free by number and by rate: null is no limit.
create function ${s}.queue_room_v1(p_queue text, p_grp text, p_now timestamptz, out o_space bigint,
  out o_allowance bigint, out o_window float8) language plpgsql as $$
declare
  v_limits jsonb := ${s}.queue_limits_v1(p_queue, p_grp);
  v_most bigint := (v_limits ->> 'concurrency')::bigint;
  v_group ${s}.queue_group;
begin
  select * into v_group from ${s}.queue_group g where g.queue = p_queue and g.grp = p_grp;
  if v_group.fifo is not null then v_most := least(1, v_most); end if;
  o_space := v_most - coalesce(v_group.held, 0);
  o_window := (v_limits -> 'rate' ->> 'windowMs')::float8;
  if o_window is not null then
    o_allowance := (v_limits -> 'rate' ->> 'max')::bigint - ${s}.queue_rate_used_v1(p_queue, p_grp, o_window, p_now)
      - (select count(*) from ${s}.queue_task t where t.queue = p_queue and t.grp = p_grp
        and t.state = 'ready' and t.lease_until is null);
  end if;
end $$;

-- Gives free slots to tasks that wait for one.
create function ${s}.queue_admit_v1(p_queue text, p_grp text, p_now timestamptz) returns void language plpgsql as $$
declare
  v_room record;
  v_count bigint;
begin
  select * into v_room from ${s}.queue_room_v1(p_queue, p_grp, p_now);
  if v_room.o_space <= 0 then return; end if;
  with next as (
    select t.id from ${s}.queue_task t where t.queue = p_queue and t.grp = p_grp and t.blocked = 'group'
    order by t.priority desc, t.tag, t.seq
    limit case when least(v_room.o_space, v_room.o_allowance) < 0 then 0
      else least(v_room.o_space, v_room.o_allowance) end
  )
  update ${s}.queue_task t set state = 'ready', blocked = null, slot = true from next where t.id = next.id;
  get diagnostics v_count = row_count;
  if v_count > 0 then
    update ${s}.queue_group g set held = g.held + v_count where g.queue = p_queue and g.grp = p_grp;
    perform pg_notify('${s}_queue', p_queue);
  end if;
  -- The rate, not the number, keeps the rest back.
  if v_room.o_allowance is not null and v_count >= v_room.o_allowance and (v_room.o_space is null or v_count < v_room.o_space)
    and exists (select 1 from ${s}.queue_task t where t.queue = p_queue and t.grp = p_grp and t.blocked = 'group')
  then
    update ${s}.queue_group g
    set reopen_at = coalesce(g.reopen_at, ${s}.queue_rate_free_v1(p_queue, p_grp, v_room.o_window, p_now))
    where g.queue = p_queue and g.grp = p_grp;
  end if;
end $$;

-- Takes slots back that are too many, the last first, and gives those that are free. A task whose lease lapsed keeps its
-- slot, for its handler may run still: it waits until the rate may have room.
create function ${s}.queue_rebalance_v1(p_queue text, p_grp text, p_now timestamptz) returns void language plpgsql as $$
declare
  v_room record;
  v_over bigint;
  v_over_rate bigint;
  r record;
begin
  select * into v_room from ${s}.queue_room_v1(p_queue, p_grp, p_now);
  v_over := coalesce(-v_room.o_space, 0);
  v_over_rate := coalesce(-v_room.o_allowance, 0);
  if v_over > 0 or v_over_rate > 0 then
    for r in
      select t.id, t.holder from ${s}.queue_task t
      where t.queue = p_queue and t.grp = p_grp and t.state = 'ready' and t.lease_until is null
      order by t.priority, t.tag desc, t.seq desc
    loop
      exit when v_over <= 0 and v_over_rate <= 0;
      if r.holder is null then
        v_over := v_over - 1;
        v_over_rate := v_over_rate - 1;
        update ${s}.queue_task t set state = 'scheduled', blocked = 'group', slot = false where t.id = r.id;
        update ${s}.queue_group g set held = g.held - 1 where g.queue = p_queue and g.grp = p_grp;
      elsif v_over_rate > 0 then
        v_over_rate := v_over_rate - 1;
        update ${s}.queue_task t set state = 'scheduled', run_at = timestamptz 'epoch' + interval '1 millisecond'
          * coalesce(${s}.queue_rate_free_v1(p_queue, p_grp, v_room.o_window, p_now),
            ${s}.queue_ms(p_now) + v_room.o_window)
        where t.id = r.id;
      end if;
    end loop;
  end if;
  perform ${s}.queue_admit_v1(p_queue, p_grp, p_now);
end $$;

create function ${s}.queue_forget_v1(p_queue text, p_grp text, p_now timestamptz) returns void language sql as $$
  delete from ${s}.queue_group g where g.queue = p_queue and g.grp = p_grp and g.live = 0 and g.held = 0
    and ${s}.queue_rate_used_v1(p_queue, p_grp,
      coalesce((${s}.queue_limits_v1(p_queue, p_grp) -> 'rate' ->> 'windowMs')::float8, 0), p_now) = 0
$$;

-- Ends the hold on a slot, which the next may have.
create function ${s}.queue_free_slot_v1(p_queue text, p_grp text, p_now timestamptz) returns void language plpgsql as $$
begin
  update ${s}.queue_group g set held = g.held - 1 where g.queue = p_queue and g.grp = p_grp;
  perform ${s}.queue_admit_v1(p_queue, p_grp, p_now);
end $$;

-- A live task joins its group and gets its tag.
create function ${s}.queue_join_v1(p_id uuid, p_enqueued boolean, p_now timestamptz) returns void language plpgsql as $$
declare
  v_task ${s}.queue_task;
  v_group ${s}.queue_group;
  v_vtime float8;
  v_tag float8;
  v_new boolean := false;
begin
  select * into v_task from ${s}.queue_task t where t.id = p_id;
  select q.vtime into v_vtime from ${s}.queue_setting q where q.queue = v_task.queue;
  v_tag := coalesce(v_vtime, 0);
  if v_task.grp is not null then
    select * into v_group from ${s}.queue_group g where g.queue = v_task.queue and g.grp = v_task.grp;
    if not found then
      v_new := true;
      insert into ${s}.queue_group (queue, grp) values (v_task.queue, v_task.grp) returning * into v_group;
    end if;
    v_tag := greatest(v_tag, v_group.last) + 1 / coalesce(v_task.weight,
      (${s}.queue_limits_v1(v_task.queue, v_task.grp) ->> 'weight')::float8, 1);
    update ${s}.queue_group g set last = v_tag, live = g.live + 1,
      fifo = case when p_enqueued or v_new then v_task.fifo else g.fifo end
    where g.queue = v_task.queue and g.grp = v_task.grp;
  end if;
  update ${s}.queue_task t set tag = v_tag where t.id = p_id;
  if v_task.grp is not null and (p_enqueued or v_new) and v_group.fifo is distinct from v_task.fifo then
    perform ${s}.queue_rebalance_v1(v_task.queue, v_task.grp, p_now);
  end if;
end $$;

-- A task is live in its group no more.
create function ${s}.queue_part_v1(p_queue text, p_grp text, p_now timestamptz) returns void language plpgsql as $$
begin
  update ${s}.queue_group g set live = g.live - 1, last = case when g.live = 1 then 0 else g.last end
  where g.queue = p_queue and g.grp = p_grp;
  perform ${s}.queue_forget_v1(p_queue, p_grp, p_now);
end $$;

-- Puts a task that waits for nothing but its time and its group where it belongs.
create function ${s}.queue_arrive_v1(p_id uuid, p_now timestamptz) returns void language plpgsql as $$
declare v_task ${s}.queue_task;
begin
  select * into v_task from ${s}.queue_task t where t.id = p_id;
  if v_task.run_at > p_now then
    update ${s}.queue_task t set state = 'scheduled', blocked = null where t.id = p_id;
  elsif v_task.grp is null or v_task.slot then
    update ${s}.queue_task t set state = 'ready', blocked = null where t.id = p_id;
    -- It comes back with the slot it had: its claim counted, or the limit was lowered, and there may be no room for it.
    if v_task.slot and exists (
      select 1 from ${s}.queue_room_v1(v_task.queue, v_task.grp, p_now) m
      where m.o_space < 0 or m.o_allowance is not null)
    then
      perform ${s}.queue_rebalance_v1(v_task.queue, v_task.grp, p_now);
    end if;
  else
    update ${s}.queue_task t set state = 'scheduled', blocked = 'group' where t.id = p_id;
    perform ${s}.queue_admit_v1(v_task.queue, v_task.grp, p_now);
  end if;
end $$;
`;
}

/** Functions for rates, and for the limits and slots of groups. */
export function createGroups(s: string): string {
  return rates(s) + groups(s);
}

/** Undoes {@link createGroups}. */
export function dropGroups(s: string): string {
  const names = ['arrive', 'part', 'join', 'free_slot', 'forget', 'rebalance', 'admit', 'room'];
  names.push('limits', 'rate_note', 'rate_free', 'rate_used');
  return names.map((name) => `drop function ${s}.queue_${name}_v1;\n`).join('');
}
