import { LONG } from './claim.js';

/**
 * A worker that waits at its queues has a row in `queue_parked` until its next exchange, and a task that is enqueued by
 * itself may be leased to it there and then: the claim is the text of the notification. What it was handed is kept in
 * the row; its next exchange says how much of that it has heard of, and is given the rest.
 */
export function createHandOver(s: string): string {
  return `
-- Adds a task that is due, leased to a worker that waits for it, where there is one.
create function ${s}.queue_hand_over_v1(p_queue text, p_name text, p_headers text, p_priority smallint,
  p_due timestamptz, p_max integer, p_keep_completed float8, p_keep_dead float8, p_id uuid, p_payload text,
  p_tag float8, p_now timestamptz) returns boolean language plpgsql as $$
declare
  w ${s}.queue_parked;
  v_ms bigint := ${s}.queue_ms(p_now);
  v_wait bigint := greatest(0, v_ms - ${s}.queue_ms(p_due));
  v_until timestamptz;
  v_lease bigint;
  v_text text;
begin
  -- One that has not asked since it was handed something ${ANSWER_MS} ms ago is busy, or gone: it is woken instead.
  select k.* into w from ${s}.queue_parked k
  where p_queue = any(k.queues) and k.free > 0 and k.until > p_now
    and (k.handed_at is null or k.handed_at > p_now - interval '${ANSWER_MS} milliseconds')
  order by k.until desc limit 1 for update skip locked;
  if not found or exists (
    select 1 from ${s}.queue_setting q where q.queue = p_queue and (q.governed or q.paused)
  ) or (
    -- What is ready already comes first: the worker is woken for all of it. In the order of a claim, which has an index.
    select t.id from ${s}.queue_task t where t.queue = p_queue and t.state = 'ready' and t.lease_until is null
    order by t.priority desc, t.tag, t.seq limit 1
  ) is not null then
    return false;
  end if;
  v_text := '[' || json_build_array(p_queue, p_name, p_headers, p_priority, 1, 1, p_max, v_ms, ${s}.queue_ms(p_due))
    || ',["' || p_id || '",' || to_json(p_payload) || ']]';
  if octet_length(v_text) > ${TEXT_MAX} then return false; end if;
  v_until := p_now + w.lease_ms * interval '1 millisecond';
  insert into ${s}.queue_task (id, queue, name, state, priority, payload, headers, max_attempts, run_at, enqueued_at,
    keep_completed_ms, keep_dead_ms, tag, epoch, attempts, holder, lease_until, started_at)
  values (p_id, p_queue, p_name, 'ready', p_priority, p_payload, p_headers, p_max, p_due, p_now,
    p_keep_completed, p_keep_dead, p_tag, 1, 1, w.worker, v_until, p_now);
  insert into ${s}.queue_lease (queue, until, ids) values (p_queue, v_until, array[p_id]) returning id into v_lease;
  insert into ${s}.queue_event (at, type, queue, subjects, names, epochs, count, counted, ms, ms_max)
  values (p_now, 'task.added', p_queue, array[p_id], array[p_name], null, 1, 1, 0, 0),
    (p_now, 'task.started', p_queue, array[p_id], array[p_name], array[1], 1, 1, v_wait, v_wait);
  update ${s}.queue_parked k set free = k.free - 1, handed = k.handed || p_id, handed_at = coalesce(k.handed_at, p_now)
  where k.worker = w.worker;
  perform pg_notify(w.channel, '["' || w.token || '",' || cardinality(w.handed) + 1 || ',' || v_lease || ','
    || w.lease_ms || ',' || (p_keep_completed > 0)::text || ',' || v_text || ']');
  return true;
end $$;
`;
}

/** Undoes {@link createHandOver}. */
export function dropHandOver(s: string): string {
  return `drop function ${s}.queue_hand_over_v1;\n`;
}

/** How long a worker that was handed something may go without asking. */
const ANSWER_MS = 200;
/** Longest claim in bytes: a notification holds less than 8,000. */
const TEXT_MAX = 7_800;

/** Where the function that adds tasks tries to hand a single one over. */
export function handOverText(s: string, vtime: string): string {
  return `if p_hand_over and v_count = 1 and v_due <= v_now
    and exists (select 1 from ${s}.queue_parked k where p_queue = any(k.queues) and k.free > 0)
    and ${s}.queue_hand_over_v1(p_queue, p_name, p_headers, p_priority, v_due, p_max, p_keep_completed, p_keep_dead,
      p_id[1], p_payload[1], ${vtime}, v_now)
  then
    return;
  end if;`;
}

/** Before an exchange claims: nothing more is handed over to its worker until it is over. */
export function unparkText(s: string): string {
  return `if p_heard <> '' then
    select * into v_parked from ${s}.queue_parked k where k.worker = p_worker for update;
  end if;`;
}

/**
 * After an exchange has claimed. `p_heard`: for each token that may have parked the worker a space, it, =, and how many
 * messages came. The lease of what is given again begins anew.
 */
export function parkText(s: string): string {
  return `if v_parked.worker is not null then
    for r in
      update ${s}.queue_task t set lease_until = v_until
      where t.id = any(v_parked.handed[1 + nullif(
          split_part(split_part(p_heard, ' ' || v_parked.token || '=', 2), ' ', 1), '')::integer:])
        and t.epoch = 1 and t.holder = p_worker and t.lease_until is not null
      returning t.id, t.queue, t.keep_completed_ms as keep, ${LONG(s, 't')} as text
    loop
      v_leased := v_leased || r.id;
      v_claimed := v_claimed || r.queue;
      o_keeps := o_keeps or r.keep > 0;
      o_claimed := concat_ws(',', o_claimed, '[' || json_build_array(r.queue) || ',[' || r.text || ']]');
    end loop;
  end if;
  if p_park is not null and v_left > 0 then
    insert into ${s}.queue_parked (worker, token, channel, queues, free, lease_ms, until)
    values (p_worker, p_park, p_channel, c_queue, v_left, p_lease, v_until)
    on conflict (worker) do update set token = excluded.token, channel = excluded.channel, queues = excluded.queues,
      free = excluded.free, lease_ms = excluded.lease_ms, until = excluded.until, handed = '{}', handed_at = null;
  elsif v_parked.worker is not null then
    delete from ${s}.queue_parked k where k.worker = p_worker;
  end if;`;
}
