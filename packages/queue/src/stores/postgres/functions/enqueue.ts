import { createEnqueueSet, dropEnqueueSet, SET_MIN } from './enqueue-set.js';
import { handOverText } from './hand-over.js';
import { addedNote, heldRows, lockKeys, PARAMETERS, rowsOf, takeKeys } from './new-rows.js';
import { dueOf, PLANNER } from './planner.js';

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
  ${checkPriorities(s)}
  if cardinality(p_key) > 0 then
    ${lockKeys(rowsOf())}
    ${takeKeys(s, rowsOf())}
  end if;
  return query
  with n as (
    ${rowsOf()}
  ), m as (
    ${heldRows(s)}
  ), added as (
    insert into ${s}.queue_task (id, queue, name, state, priority, payload, headers, max_attempts, run_at,
      enqueued_at, key, key_ttl_ms, keep_completed_ms, keep_dead_ms, tag)
    select m.id, m.queue, m.name, case when m.due <= v_now then 'ready' else 'scheduled' end, m.priority, m.payload,
      m.headers, m.max, m.due, v_now, m.key, m.key_ttl, m.keep_completed, m.keep_dead,
      coalesce((select q.vtime from ${s}.queue_setting q where q.queue = m.queue), 0)
    from m where m.holder_id = m.id order by m.ord
  ), noted as (
    ${addedNote(s)}
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
  p_absolute boolean, p_max integer, p_keep_completed float8, p_keep_dead float8, p_id uuid[], p_payload text[],
  p_hand_over boolean) returns void language plpgsql as $$
declare
  v_now timestamptz := ${s}.queue_now();
  v_due timestamptz := ${dueOf('p_wait', 'p_absolute')};
  v_state text := case when v_due <= v_now then 'ready' else 'scheduled' end;
  v_count integer := cardinality(p_id);
begin
  if p_priority <> 0 then perform ${s}.queue_check_priority_v1(p_queue, p_priority); end if;
  ${handOverText(s, vtimeOf(s))}
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

/** What special tasks have beside {@link PARAMETERS}. */
const SPECIAL = [
  'mode',
  'key_most',
  'key_free',
  'key_start',
  'grp',
  'weight',
  'fifo',
  'children',
  'on_failure',
];

/**
 * Adds tasks with groups, children, or keys that do more than refuse doubles: as many as may be at once, the others one
 * by one.
 */
function enqueueSpecialFunction(s: string): string {
  return `
create function ${s}.queue_enqueue_special_v1(${PARAMETERS},
  p_mode text[], p_key_most integer[], p_key_free boolean[], p_key_start boolean[], p_grp text[], p_weight float8[],
  p_fifo text[],
  p_children text[], p_on_failure text[]
) returns table (o_ord bigint, o_id uuid, o_outcome text) language plpgsql ${PLANNER} as $$
#variable_conflict use_column
declare
  v_now timestamptz;
  v_placed jsonb := '{}';
  v_children uuid[];
  -- So many, at the beginning, are added at once.
  v_count bigint;
  v_set boolean := false;
  v_ords bigint[];
  v_holders uuid[];
  n record;
  h ${s}.queue_task;
  v_due timestamptz;
  v_text text;
begin
  ${checkPriorities(s)}
  insert into ${s}.queue_setting as q (queue, governed, key_starts)
  select distinct u.queue, true, true = any(p_key_start) from unnest(p_queue) as u(queue) order by 1
  on conflict (queue) do update set governed = true, key_starts = q.key_starts or excluded.key_starts
  where not q.governed or q.key_starts < excluded.key_starts;
  perform 1 from ${s}.queue_setting q where q.queue = any(p_queue) order by q.queue for update;
  if cardinality(p_key) > 0 then
    ${lockKeys(rowsOf())}
  end if;
  -- What waited for the locks counts for a rate from now on.
  v_now := ${s}.queue_now();
  v_count := coalesce((
    select min(u.ord) - 1 from unnest(p_mode, p_children) with ordinality as u(mode, children, ord)
    where u.mode <> 'ignore' or u.children is not null
  ), cardinality(p_id));
  if v_count >= ${SET_MIN} then
    select * into v_set, v_ords, v_holders from ${s}.queue_enqueue_set_v1(p_id, p_queue, p_name, p_payload, p_headers,
      p_priority, p_wait, p_absolute, p_max, p_keep_completed, p_keep_dead, p_key, p_key_ttl, p_key_free, p_key_start, p_grp, p_weight, p_fifo,
      v_count, v_now);
  end if;
  if v_set then
    for i in 1 .. cardinality(v_ords) loop
      o_ord := v_ords[i];
      o_id := v_holders[i];
      o_outcome := 'duplicate';
      v_placed := v_placed || jsonb_build_object(p_id[o_ord]::text, o_id);
      return next;
    end loop;
  else
    v_count := 0;
  end if;
  for n in
    select * from (${rowsOf(SPECIAL)}) r where r.ord > v_count order by r.ord
  loop
    v_due := ${dueOf('n.wait', 'n.absolute')};
    o_ord := n.ord;
    if n.key is not null then
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
      n.key_ttl, coalesce(n.key_free, false), n.key_start, n.keep_completed, n.keep_dead, n.grp, n.weight, n.fifo, n.on_failure,
      n.grp is not null or coalesce(n.key_free, false) or n.children is not null);
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

/** Refuses what the range of a queue does not have; nothing to look up where no task has a priority, as in most calls. */
function checkPriorities(s: string): string {
  return `if p_priority <> '{0}' then
    perform ${s}.queue_check_priority_v1(n.queue, n.priority) from (
      select distinct n.queue, n.priority from (${rowsOf()}) n where n.priority <> 0
    ) n;
  end if;`;
}

/** The error of the check, told by this code and the numbers in its message. */
export const PRIORITY_ERRCODE = 'HFQ01';

function priorityFunctions(s: string): string {
  return `
create function ${s}.queue_takes_v1(p_queue text, p_priority smallint) returns boolean language plpgsql as $$
begin
  return not exists (
    select from ${s}.queue_setting q where q.queue = p_queue and p_priority not between q.priority_min and q.priority_max
  );
end $$;

create function ${s}.queue_check_priority_v1(p_queue text, p_priority smallint) returns void language plpgsql as $$
begin
  if not ${s}.queue_takes_v1(p_queue, p_priority) then
    raise exception 'PRIORITY_RANGE % % %', p_priority,
      (select q.priority_min from ${s}.queue_setting q where q.queue = p_queue),
      (select q.priority_max from ${s}.queue_setting q where q.queue = p_queue)
      using errcode = '${PRIORITY_ERRCODE}';
  end if;
end $$;
`;
}

/** Functions that add tasks. */
export function createEnqueue(s: string): string {
  return (
    priorityFunctions(s) +
    addFunction(s) +
    enqueueFunction(s) +
    createEnqueueSet(s) +
    enqueueSpecialFunction(s)
  );
}

/** Undoes {@link createEnqueue}. */
export function dropEnqueue(s: string): string {
  return `drop function ${s}.queue_enqueue_special_v1;
${dropEnqueueSet(s)}drop function ${s}.queue_enqueue_v1;
drop function ${s}.queue_add_v1;
drop function ${s}.queue_check_priority_v1;
drop function ${s}.queue_takes_v1;
`;
}
