import { claimText } from './claim.js';
import { parkText, unparkText } from './hand-over.js';
import { PLANNER } from './planner.js';
import { completedText, settledText } from './settle.js';

/**
 * Settles, extends, makes due tasks ready and claims. One row comes back: `o_done` holds the ids, `o_settled` and
 * `o_extended` the places of what went well, or null where everything did. `p_kept`: some completed tasks may be kept. `p_over`:
 * rows of `queue_lease` whose tasks are all settled; `p_heard`, `p_park` (the name of the exchange) and `p_channel`: see
 * `createHandOver`; `o_lease` and `o_renewed` are those of the claimed and the extended.
 */
export function createExchange(s: string): string {
  return `
-- Tasks of a queue under a lease.
create function ${s}.queue_leased_v1(p_queue text) returns bigint language plpgsql as $$
begin
  return (
    select count(distinct t.id) from ${s}.queue_lease l cross join unnest(l.ids) as i(id)
    cross join lateral (
      select x.id from ${s}.queue_task x where x.id = i.id and x.queue = p_queue and x.lease_until is not null offset 0
    ) t where l.queue = p_queue or l.queue is null
  );
end $$;

create function ${s}.queue_exchange_v1(
  p_worker text, p_lease float8, d_id uuid[], d_epoch integer, d_result text[],
  s_id uuid[], s_epoch integer[], s_outcome text[], s_wait float8[], s_absolute boolean[], s_entry text[], s_result text[],
  x_id uuid[], x_epoch integer[], x_progress text[], c_queue text[], c_limit integer, p_kept boolean, p_over bigint[],
  p_heard text, p_park text, p_channel text
) returns table (
  o_now float8, o_due float8, o_done uuid[], o_settled integer[], o_extended integer[], o_cancelling integer[],
  o_done_cancelled uuid[], o_settled_cancelled integer[], o_lease bigint, o_renewed bigint, o_keeps boolean,
  o_claimed text
) language plpgsql ${PLANNER} as $$
#variable_conflict use_column
declare
  v_now timestamptz := ${s}.queue_now();
  v_ms bigint := ${s}.queue_ms(v_now);
  v_until timestamptz := v_now + p_lease * interval '1 millisecond';
  v_governed boolean;
  v_left integer := c_limit;
  v_limit integer;
  v_queue text;
  v_text text;
  v_at timestamptz;
  v_setting ${s}.queue_setting;
  v_places tid[];
  v_lapsed uuid[] := '{}';
  v_parked ${s}.queue_parked;
  v_extended integer[] := '{}';
  v_renewed uuid[] := '{}';
  v_ended text[] := '{}';
  v_claimed text[] := '{}';
  v_leased uuid[] := '{}';
  r record;
  g record;
begin
  v_governed := exists (select 1 from ${s}.queue_setting q where q.governed);
  if v_governed then
    -- An extension changes nothing that the lock is for, unless the lease lapsed: a caller's transaction that holds the
    -- lock for long costs nobody a lease.
    v_lapsed := array(
      select t.id from ${s}.queue_task t where t.id = any(x_id) and t.lease_until is null);
    perform 1 from ${s}.queue_setting q where q.governed and (c_limit > 0 and q.queue = any(c_queue)
      or q.queue in (select t.queue from ${s}.queue_task t where t.id = any(d_id || s_id || v_lapsed)))
    order by q.queue for update;
    -- It may have waited: leases and rates begin now.
    v_now := ${s}.queue_now();
    v_ms := ${s}.queue_ms(v_now);
    v_until := v_now + p_lease * interval '1 millisecond';
  end if;
  if cardinality(p_over) > 0 then
    delete from ${s}.queue_lease l where l.id = any(p_over);
  end if;
  o_keeps := false;
  if cardinality(d_id) > 0 then
    o_done := '{}';
    ${completedText(s)}
  end if;
  if cardinality(s_id) > 0 then
    ${settledText(s)}
  elsif cardinality(d_id) = 0 then
    -- A claim or an extension that a crash of the server undoes only repeats an attempt.
    perform set_config('synchronous_commit', 'off', true);
  end if;
  if cardinality(x_id) > 0 then
    ${extendedText(s)}
  end if;
  ${unparkText(s)}

  foreach v_queue in array c_queue loop
    select * into v_setting from ${s}.queue_setting q where q.queue = v_queue;
    select t.run_at into v_at from ${s}.queue_task t
    where t.queue = v_queue and t.state = 'scheduled' and t.blocked is null order by t.run_at limit 1;
    if c_limit > 0 then
      ${promoteText(s)}
      v_limit := case when v_setting.paused or v_queue = any(v_claimed) then 0 else v_left end;
      if v_setting.concurrency is not null then
        v_limit := least(v_limit, v_setting.concurrency - ${s}.queue_leased_v1(v_queue));
      end if;
      if v_setting.rate_max is not null then
        v_limit := least(v_limit,
          v_setting.rate_max - ${s}.queue_rate_used_v1(v_queue, '', v_setting.rate_window, v_now));
      end if;
      if v_limit > 0 then
      ${claimText(s)}
      end if;
    end if;
    o_due := least(o_due, ${s}.queue_ms(v_at));
    if v_setting.governed then
      ${governedDueText(s)}
    end if;
  end loop;
  ${parkText(s)}
  if cardinality(v_leased) > 0 then
    insert into ${s}.queue_lease (queue, until, ids)
    values (case when cardinality(v_claimed) = 1 then v_claimed[1] end, v_until, v_leased) returning id into o_lease;
  end if;

  -- A queue that something was claimed from is not empty.
  if cardinality(v_ended) > 0 and v_ended[1] <> all(v_claimed) or cardinality(v_ended) > 1 then
    perform ${s}.queue_drained_v1(e.queue, v_now) from (select distinct u.queue from unnest(v_ended) as u(queue)) e
    where e.queue <> all(v_claimed);
  end if;
  o_now := v_ms;
  return next;
end $$;
`;
}

/** Undoes {@link createExchange}. */
export function dropExchange(s: string): string {
  return `drop function ${s}.queue_exchange_v1;\ndrop function ${s}.queue_leased_v1;\n`;
}

function extendedText(s: string): string {
  return `-- Whoever holds one of them, as a transaction that completes it may for long, ends first: a lease begins after that.
    perform 1 from (
      select t.id from ${s}.queue_task t where t.id = any(x_id) and t.holder = p_worker order by t.id for update
    ) t;
    v_until := ${s}.queue_now() + p_lease * interval '1 millisecond';
    for r in
      select t.*, x.ord, x.progress
      from unnest(x_id, x_epoch, x_progress) with ordinality as x(id, epoch, progress, ord)
      cross join lateral (
        select t.id, t.lease_until, t.queue, t.grp, t.cancelling, t.name, t.epoch from ${s}.queue_task t
        where t.id = x.id and t.epoch = x.epoch and t.holder = p_worker for update
      ) t order by x.ord
    loop
      -- It lapsed a moment ago, and the lock was not taken for it.
      continue when r.lease_until is null and v_governed and r.id <> all(v_lapsed);
      -- A lapsed lease that comes back counts against the concurrency of its queue.
      continue when r.lease_until is null and exists (
        select 1 from ${s}.queue_setting q where q.queue = r.queue and q.concurrency
          <= ${s}.queue_leased_v1(r.queue));
      -- One that lapsed may have waited for the rate of its group.
      update ${s}.queue_task t set lease_until = v_until, progress = coalesce(r.progress, t.progress), state = 'ready',
        run_at = least(t.run_at, v_now)
      where t.id = r.id;
      v_renewed := array_append(v_renewed, r.id);
      if r.progress is not null then
        perform ${s}.queue_note_v1('task.progress', r.queue, r.id::text, r.name, r.epoch, r.progress, v_now);
      end if;
      v_extended := array_append(v_extended, r.ord::integer);
      if r.cancelling then o_cancelling := array_append(o_cancelling, r.ord::integer); end if;
      if r.lease_until is null then
        -- At once, for the next of them is to be counted with it.
        insert into ${s}.queue_lease (queue, until, ids) values (r.queue, v_until, array[r.id]);
        if r.grp is not null then perform ${s}.queue_admit_v1(r.queue, r.grp, v_now); end if;
      end if;
    end loop;
    if cardinality(v_extended) < cardinality(x_id) then o_extended := v_extended; end if;
    if cardinality(v_renewed) > 0 then
      insert into ${s}.queue_lease (until, ids) values (v_until, v_renewed) returning id into o_renewed;
    end if;`;
}

function promoteText(s: string): string {
  return `if v_at <= v_now then
        update ${s}.queue_task t set state = 'ready' where t.ctid = any(array(
          select d.ctid from ${s}.queue_task d
          where d.queue = v_queue and d.state = 'scheduled' and d.blocked is null and d.run_at <= v_now
            and d.grp is null
          order by d.run_at, d.seq limit greatest(1000, c_limit) for update skip locked
        ));
        if v_setting.governed then
          for r in
            select d.id from ${s}.queue_task d
            where d.queue = v_queue and d.state = 'scheduled' and d.blocked is null and d.run_at <= v_now
            order by d.run_at, d.seq limit greatest(1000, c_limit)
          loop
            perform ${s}.queue_arrive_v1(r.id, v_now);
          end loop;
        end if;
        select t.run_at into v_at from ${s}.queue_task t
        where t.queue = v_queue and t.state = 'scheduled' and t.blocked is null order by t.run_at limit 1;
      end if;
      if v_setting.governed then
        for r in
          update ${s}.queue_group g set reopen_at = null
          where g.queue = v_queue and g.reopen_at <= v_ms returning g.grp
        loop
          perform ${s}.queue_admit_v1(v_queue, r.grp, v_now);
        end loop;
      end if;`;
}

/** When a governed queue may next have something, beside its scheduled tasks. */
function governedDueText(s: string): string {
  return `o_due := least(o_due,
        (select g.reopen_at from ${s}.queue_group g where g.queue = v_queue and g.reopen_at is not null
          order by g.reopen_at limit 1),
        case when v_setting.rate_max is not null
          and ${s}.queue_rate_used_v1(v_queue, '', v_setting.rate_window, v_now) >= v_setting.rate_max
          and exists (select 1 from ${s}.queue_task t
            where t.queue = v_queue and t.state = 'ready' and t.lease_until is null)
        then ${s}.queue_rate_free_v1(v_queue, '', v_setting.rate_window, v_now) end);`;
}
