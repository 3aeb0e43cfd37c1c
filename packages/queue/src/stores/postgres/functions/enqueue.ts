import { dueOf, PLANNER } from './planner.js';

/** Columns of the parameters; one value stands for all tasks. */
const PARAMETERS = `p_id uuid[], p_queue text[], p_name text[], p_payload text[], p_headers text[], p_priority smallint[],
  p_wait float8[], p_absolute boolean[], p_max integer[], p_keep_completed float8[], p_keep_dead float8[],
  p_key text[], p_key_ttl float8[]`;

const ROWS = `select n.id, coalesce(n.queue, p_queue[1]) as queue, coalesce(n.name, p_name[1]) as name, n.payload,
      nullif(coalesce(n.headers, p_headers[1]), '{}') as headers, coalesce(n.priority, p_priority[1]) as priority,
      coalesce(n.wait, p_wait[1]) as wait, coalesce(n.absolute, p_absolute[1]) as absolute,
      coalesce(n.max, p_max[1]) as max, coalesce(n.keep_completed, p_keep_completed[1]) as keep_completed,
      coalesce(n.keep_dead, p_keep_dead[1]) as keep_dead, n.key, n.key_ttl, n.ord
    from unnest(p_id, p_queue, p_name, p_payload, p_headers, p_priority, p_wait, p_absolute, p_max,
      p_keep_completed, p_keep_dead, p_key, p_key_ttl) with ordinality
      as n(id, queue, name, payload, headers, priority, wait, absolute, max, keep_completed, keep_dead, key, key_ttl,
        ord)`;

/**
 * Adds plain tasks, all or none. Returns the id that holds the key for each task that was a duplicate. A column whose
 * value is the same for all tasks, as most are, comes as an array of one.
 */
function enqueueFunction(s: string): string {
  return `
create function ${s}.queue_enqueue_v1(${PARAMETERS})
returns table (o_ord bigint, o_id uuid) language plpgsql ${PLANNER} as $$
#variable_conflict use_column
declare v_now timestamptz := ${s}.queue_now();
begin
  if cardinality(p_key) > 0 then
    -- One at a time for each key: what decides below must see the task that the one before made, and a statement that
    -- waited for a row does not. In the order of the keys: two batches with the same keys then never wait for each other
    -- in a circle.
    perform pg_advisory_xact_lock(hashtextextended(k.queue || ' ' || k.key, 0)) from (
      select distinct n.queue, n.key from (${ROWS}) n where n.key is not null order by n.queue, n.key offset 0
    ) k;
    insert into ${s}.queue_key as k (queue, key, task_id, expires_at)
    select n.queue, n.key, n.id, v_now + n.key_ttl * interval '1 millisecond'
    from (${ROWS}) n
    where n.key is not null order by n.queue, n.key
    on conflict (queue, key) do update set task_id = excluded.task_id, expires_at = excluded.expires_at
    where k.expires_at <= v_now and not exists (select 1 from ${s}.queue_task t where t.id = k.task_id);
  end if;
  return query
  with n as (
    ${ROWS}
  ), m as (
    select n.*, coalesce(k.task_id, n.id) as holder_id, ${dueOf('n.wait', 'n.absolute')} as due
    from n left join lateral (
      select x.task_id from ${s}.queue_key x where n.key is not null and x.queue = n.queue and x.key = n.key offset 0
    ) k on true
  ), added as (
    insert into ${s}.queue_task (id, queue, name, state, priority, payload, headers, max_attempts, run_at,
      enqueued_at, key, key_ttl_ms, keep_completed_ms, keep_dead_ms, tag)
    select m.id, m.queue, m.name, case when m.due <= v_now then 'ready' else 'scheduled' end, m.priority, m.payload,
      m.headers, m.max, m.due, v_now, m.key, m.key_ttl, m.keep_completed, m.keep_dead,
      coalesce((select q.vtime from ${s}.queue_setting q where q.queue = m.queue), 0)
    from m where m.holder_id = m.id order by m.ord
  ), noted as (
    -- A row for each stretch of one queue, so that the events are in the order of the tasks.
    insert into ${s}.queue_event (at, type, queue, subjects, names, count, counted)
    select v_now, 'task.added', e.queue, array_agg(e.id order by e.ord), array_agg(e.name order by e.ord),
      count(*)::integer, count(*)::integer
    from (
      select m.queue, m.id, m.name, m.ord,
        row_number() over (order by m.ord) - row_number() over (partition by m.queue order by m.ord) as stretch
      from m where m.holder_id = m.id
    ) e group by e.queue, e.stretch order by min(e.ord)
  )
  select m.ord, m.holder_id from m where m.holder_id <> m.id;
  -- Delivered at the commit of whatever transaction this is part of, and once for each queue.
  perform pg_notify('${s}_queue', q.queue) from (select distinct u.queue from unnest(p_queue) as u(queue)) q;
end $$;
`;
}

/** Where a new task stands among those of groups. */
const vtimeOf = (s: string): string =>
  `coalesce((select q.vtime from ${s}.queue_setting q where q.queue = p_queue), 0)`;

/**
 * Adds plain tasks of one queue without keys, that differ in nothing but their payload: what bulk enqueues mostly are.
 * There is nothing to plan, so it goes without the planner's settings: to set and reset them costs a single task about
 * a tenth of its time in the server.
 */
function addFunction(s: string): string {
  return `
create function ${s}.queue_add_v1(p_queue text, p_name text, p_headers text, p_priority smallint, p_wait float8,
  p_absolute boolean, p_max integer, p_keep_completed float8, p_keep_dead float8, p_id uuid[], p_payload text[])
returns void language plpgsql as $$
declare
  v_now timestamptz := ${s}.queue_now();
  v_due timestamptz := ${dueOf('p_wait', 'p_absolute')};
  v_state text := case when v_due <= v_now then 'ready' else 'scheduled' end;
  v_count integer := cardinality(p_id);
begin
  if v_count = 1 then
    insert into ${s}.queue_task (id, queue, name, state, priority, payload, headers, max_attempts, run_at, enqueued_at,
      keep_completed_ms, keep_dead_ms, tag)
    values (p_id[1], p_queue, p_name, v_state, p_priority, p_payload[1], p_headers, p_max, v_due, v_now,
      p_keep_completed, p_keep_dead, ${vtimeOf(s)});
  else
    insert into ${s}.queue_task (id, queue, name, state, priority, payload, headers, max_attempts, run_at, enqueued_at,
      keep_completed_ms, keep_dead_ms, tag)
    select n.id, p_queue, p_name, v_state, p_priority, n.payload, p_headers, p_max, v_due, v_now,
      p_keep_completed, p_keep_dead, ${vtimeOf(s)}
    from unnest(p_id, p_payload) as n(id, payload);
  end if;
  insert into ${s}.queue_event (at, type, queue, subjects, names, count, counted)
  values (v_now, 'task.added', p_queue, p_id, array[p_name], v_count, v_count);
  -- Delivered at the commit of whatever transaction this is part of.
  perform pg_notify('${s}_queue', p_queue);
end $$;
`;
}

/** Adds tasks one by one: those with groups, children, or keys that do more than refuse doubles. */
function enqueueSpecialFunction(s: string): string {
  return `
create function ${s}.queue_enqueue_special_v1(${PARAMETERS},
  p_mode text[], p_key_most integer[], p_key_free boolean[], p_key_start boolean[], p_group text[], p_weight float8[], p_fifo text[],
  p_children text[], p_on_failure text[]
) returns table (o_ord bigint, o_id uuid, o_outcome text) language plpgsql ${PLANNER} as $$
#variable_conflict use_column
declare
  v_now timestamptz := ${s}.queue_now();
  v_placed jsonb := '{}';
  v_children uuid[];
  n record;
  h ${s}.queue_task;
  v_due timestamptz;
  v_text text;
begin
  insert into ${s}.queue_setting as q (queue, governed, key_starts)
  select distinct u.queue, true, true = any(p_key_start) from unnest(p_queue) as u(queue) order by 1
  on conflict (queue) do update set governed = true, key_starts = q.key_starts or excluded.key_starts
  where not q.governed or q.key_starts < excluded.key_starts;
  perform 1 from ${s}.queue_setting q where q.queue = any(p_queue) order by q.queue for update;
  for n in
    select r.*, e.mode, e.key_most, coalesce(e.key_free, false) as key_free, e.key_start, e.grp, e.weight, e.fifo,
      e.children, e.on_failure
    from (${ROWS}) r join unnest(p_mode, p_key_most, p_key_free, p_key_start, p_group, p_weight, p_fifo, p_children, p_on_failure)
      with ordinality as e(mode, key_most, key_free, key_start, grp, weight, fifo, children, on_failure, ord) on e.ord = r.ord
    order by r.ord
  loop
    v_due := ${dueOf('n.wait', 'n.absolute')};
    o_ord := n.ord;
    if n.key is not null then
      perform pg_advisory_xact_lock(hashtextextended(n.queue || ' ' || n.key, 0)); -- as above
      insert into ${s}.queue_key as k (queue, key, task_id, expires_at)
      values (n.queue, n.key, n.id, v_now + n.key_ttl * interval '1 millisecond')
      on conflict (queue, key) do update set task_id = excluded.task_id, expires_at = excluded.expires_at
      where k.expires_at <= v_now and not exists (select 1 from ${s}.queue_task t where t.id = k.task_id);
      select k.task_id into o_id from ${s}.queue_key k where k.queue = n.queue and k.key = n.key;
      if o_id <> n.id then
        v_placed := v_placed || jsonb_build_object(n.id::text, o_id);
        o_outcome := 'duplicate';
        select * into h from ${s}.queue_task t where t.id = o_id and t.epoch = 0 and t.state in ('ready', 'scheduled')
        for update;
        if found and n.mode = 'replace' then
          o_outcome := 'replaced';
          update ${s}.queue_task t set name = n.name, payload = n.payload, headers = n.headers, priority = n.priority,
            max_attempts = n.max, keep_completed_ms = n.keep_completed, keep_dead_ms = n.keep_dead, run_at = v_due
          where t.id = o_id;
          if h.blocked is distinct from 'children' then
            perform ${s}.queue_arrive_v1(o_id, v_now);
            if h.slot and v_due > v_now then
              update ${s}.queue_task t set slot = false where t.id = o_id;
              perform ${s}.queue_free_slot_v1(h.queue, h.grp, v_now);
            end if;
          end if;
        elsif found and n.mode = 'merge' and left(n.payload, 1) in ('[', '{')
          and left(h.payload, 1) = left(n.payload, 1)
        then
          v_text := case when length(n.payload) = 2 then h.payload when length(h.payload) = 2 then n.payload
            else left(h.payload, -1) || ',' || substr(n.payload, 2) end;
          -- A character beyond the basic plane is two units of UTF-16.
          if n.key_most is null or n.key_most >= length(v_text) + length(v_text)
            - length(regexp_replace(v_text, '[\\U00010000-\\U0010FFFF]', '', 'g'))
          then
            o_outcome := 'merged';
            update ${s}.queue_task t set payload = v_text where t.id = o_id;
          end if;
        end if;
        return next;
        continue;
      end if;
    end if;
    insert into ${s}.queue_task (id, queue, name, state, priority, payload, headers, max_attempts, run_at,
      enqueued_at, key, key_ttl_ms, key_free, key_start, keep_completed_ms, keep_dead_ms, grp, weight, fifo, on_failure, special)
    values (n.id, n.queue, n.name, 'scheduled', n.priority, n.payload, n.headers, n.max, v_due, v_now, n.key,
      n.key_ttl, n.key_free, n.key_start, n.keep_completed, n.keep_dead, n.grp, n.weight, n.fifo, n.on_failure,
      n.grp is not null or n.key_free or n.children is not null);
    perform ${s}.queue_join_v1(n.id, true, v_now);
    perform ${s}.queue_note_v1('task.added', n.queue, n.id::text, n.name, null, null, v_now);
    insert into ${s}.queue_minute (queue, at, added) values (n.queue, ${s}.queue_ms(v_now) / 60000 * 60000, 1);
    if n.children is null then
      perform ${s}.queue_arrive_v1(n.id, v_now);
    else
      -- A child that was a duplicate is the task that holds its key.
      select array_agg(c.id order by c.ord) into v_children from (
        select p.id, min(p.ord) as ord from (
          select coalesce((v_placed ->> c.id)::uuid, c.id::uuid) as id, c.ord
          from unnest(n.children::text[]) with ordinality as c(id, ord)
        ) p group by p.id
      ) c;
      update ${s}.queue_task t set children = coalesce(v_children, '{}') where t.id = n.id;
      insert into ${s}.queue_child (parent, child)
      select n.id, c.id from unnest(v_children) as c(id)
      where exists (select 1 from ${s}.queue_task t where t.id = c.id)
        or exists (select 1 from ${s}.queue_finished f where f.id = c.id);
      update ${s}.queue_task t set special = true where t.id = any(v_children) and not t.special;
      perform ${s}.queue_wait_v1(n.id, v_now);
      select f.id::text into v_text from unnest(v_children) with ordinality as c(id, ord)
      join ${s}.queue_finished f on f.id = c.id where f.state <> 'completed' order by c.ord limit 1;
      if v_text is not null and n.on_failure = 'fail' then
        perform ${s}.queue_ran_v1(n.queue, 'dead', null, v_now);
        perform ${s}.queue_finish_v1(n.id, 'dead', json_build_object('kind', 'child', 'child', v_text,
          'at', ${s}.queue_ms(v_now), 'attempt', 0, 'epoch', 0)::text, null, v_now);
      end if;
    end if;
  end loop;
  perform pg_notify('${s}_queue', q.queue) from (select distinct u.queue from unnest(p_queue) as u(queue)) q;
end $$;
`;
}

/** Functions that add tasks. */
export function createEnqueue(s: string): string {
  return addFunction(s) + enqueueFunction(s) + enqueueSpecialFunction(s);
}

/** Undoes {@link createEnqueue}. */
export function dropEnqueue(s: string): string {
  return ['enqueue_special', 'enqueue', 'add']
    .map((name) => `drop function ${s}.queue_${name}_v1;\n`)
    .join('');
}
