import { PLANNER } from './planner.js';

/** Changes the settings of a queue; `p_limits` holds the limits that change. */
export function createControl(s: string): string {
  return `
create function ${s}.queue_control_v1(p_queue text, p_paused boolean, p_reason text, p_by text, p_limits jsonb)
returns void language plpgsql ${PLANNER} as $$
declare
  v_now timestamptz := ${s}.queue_now();
  v_who text := nullif(json_strip_nulls(json_build_object('by', p_by, 'reason', p_reason))::text, '{}');
  v_old ${s}.queue_setting;
  v_window float8 := (p_limits -> 'rate' ->> 'windowMs')::float8;
  r record;
begin
  insert into ${s}.queue_setting (queue) values (p_queue) on conflict do nothing;
  select * into v_old from ${s}.queue_setting q where q.queue = p_queue for update;
  update ${s}.queue_setting q set
    configured = true,
    governed = q.governed or p_limits - 'priorities' <> '{}',
    paused = coalesce(p_paused, q.paused),
    reason = case when p_paused is null then q.reason when p_paused then p_reason end,
    by = case when p_paused is null then q.by when p_paused then p_by end,
    concurrency = case when p_limits ? 'concurrency' then (p_limits ->> 'concurrency')::integer else q.concurrency end,
    rate_max = case when p_limits ? 'rate' then (p_limits -> 'rate' ->> 'max')::integer else q.rate_max end,
    rate_window = case when p_limits ? 'rate' then v_window else q.rate_window end,
    priority_min = case when p_limits ? 'priorities' then (p_limits -> 'priorities' ->> 'min')::smallint
      else q.priority_min end,
    priority_max = case when p_limits ? 'priorities' then (p_limits -> 'priorities' ->> 'max')::smallint
      else q.priority_max end,
    group_defaults = case when p_limits ? 'groupDefaults' then nullif(p_limits -> 'groupDefaults', 'null')
      else q.group_defaults end,
    groups = (
      select coalesce(jsonb_object_agg(g.key, g.value), '{}')
      from jsonb_each(q.groups || coalesce(p_limits -> 'groups', '{}')) g where g.value <> 'null'
    )
  where q.queue = p_queue;
  if p_limits <> '{}' then
    perform ${s}.queue_note_v1('queue.changed', p_queue, p_queue, null, null, v_who, v_now);
  end if;
  if p_paused is distinct from v_old.paused and p_paused is not null then
    perform ${s}.queue_note_v1(case when p_paused then 'queue.paused' else 'queue.resumed' end, p_queue, p_queue, null,
      null, v_who, v_now);
  end if;
  -- What was counted in slices of another length says nothing any more.
  if p_limits ? 'rate' and v_window is distinct from v_old.rate_window then
    delete from ${s}.queue_rate t where t.queue = p_queue and t.grp = '';
  end if;
  if p_limits ? 'groupDefaults' or p_limits ? 'groups' then
    for r in
      select g.grp, (coalesce(v_old.groups -> g.grp, v_old.group_defaults) -> 'rate' ->> 'windowMs')::float8 as was,
        (${s}.queue_limits_v1(p_queue, g.grp) -> 'rate' ->> 'windowMs')::float8 as span
      from ${s}.queue_group g where g.queue = p_queue order by g.grp
    loop
      if r.was is distinct from r.span then
        delete from ${s}.queue_rate t where t.queue = p_queue and t.grp = r.grp;
        update ${s}.queue_group g set reopen_at = null where g.queue = p_queue and g.grp = r.grp;
      end if;
      perform ${s}.queue_rebalance_v1(p_queue, r.grp, v_now);
    end loop;
  end if;
  perform pg_notify('${s}_queue', p_queue) from ${s}.queue_setting q where q.queue = p_queue and not q.paused;
end $$;
`;
}

/** Undoes {@link createControl}. */
export function dropControl(s: string): string {
  return `drop function ${s}.queue_control_v1;\n`;
}
