import { addedNote, heldRows, PARAMETERS, rowsOf, takeKeys } from './new-rows.js';

/** Fewer tasks than this are quicker one by one. */
export const SET_MIN = 2;

/**
 * Adds the first `p_count` tasks in one statement, with the outcome that one by one would have: those without children,
 * whose keys only refuse doubles. Called with the locks on the settings of the queues. `o_done` is false where the order
 * matters in another way, and nothing was added: the strictness of a group changes, or tasks of a group wait although
 * its rate has room again.
 */
export function createEnqueueSet(s: string): string {
  return `
create function ${s}.queue_enqueue_set_v1(${PARAMETERS}, p_key_free boolean[], p_key_start boolean[], p_grp text[],
  p_weight float8[], p_fifo text[], p_count bigint, v_now timestamptz, out o_done boolean, out o_ords bigint[], out o_holders uuid[])
language plpgsql as $$
#variable_conflict use_column
declare
  v_queues text[];
  v_groups text[];
begin
  o_done := not exists (
    select 1 from (
      select u.queue, u.grp, min(u.fifo) as fifo, max(u.fifo) as other_fifo,
        count(*) filter (where u.fifo is not null) as strict, count(*) as count
      from (select coalesce(n.queue, p_queue[1]) as queue, n.grp, n.fifo
        from unnest(p_queue, p_grp, p_fifo) with ordinality as n(queue, grp, fifo, ord)
        where n.ord <= p_count and n.grp is not null
      ) u group by u.queue, u.grp
    ) u where ${changesOrder(s)}
  );
  if not o_done then return; end if;
  if cardinality(p_key) > 0 then
    ${takeKeys(s, `select * from (${rowsOf()}) x where x.ord <= p_count`)}
  end if;
  with n as (
    select * from (${rowsOf(['key_free', 'key_start', 'grp', 'weight', 'fifo'])}) x where x.ord <= p_count
  ), m as (
    ${heldRows(s)}
  ), places as (
    ${placesText(s)}
  ), added as (
    insert into ${s}.queue_task (id, queue, name, state, blocked, slot, priority, payload, headers, max_attempts, run_at,
      enqueued_at, key, key_ttl_ms, key_free, key_start, keep_completed_ms, keep_dead_ms, grp, weight, fifo, tag, special)
    select p.id, p.queue, p.name, case when p.admitted then 'ready' else 'scheduled' end,
      case when p.due <= v_now and not p.admitted then 'group' end, p.admitted and p.grp is not null,
      p.priority, p.payload, p.headers, p.max, p.due, v_now, p.key, p.key_ttl, coalesce(p.key_free, false),
      p.key_start, p.keep_completed, p.keep_dead, p.grp, p.weight, p.fifo, p.tag, p.grp is not null or coalesce(p.key_free, false)
    from places p order by p.ord
  ), grouped as (
    insert into ${s}.queue_group as g (queue, grp, last, live, held, fifo)
    select p.queue, p.grp, max(p.tag), count(*), count(*) filter (where p.admitted), max(p.fifo)
    from places p where p.grp is not null group by p.queue, p.grp
    on conflict (queue, grp) do update set last = excluded.last, live = g.live + excluded.live,
      held = g.held + excluded.held, fifo = excluded.fifo
  ), noted as (
    ${addedNote(s)}
  ), kept as (
    select p.queue, p.grp from places p where p.rated group by p.queue, p.grp
  )
  select array(select m.ord from m where m.holder_id <> m.id order by m.ord),
    array(select m.holder_id from m where m.holder_id <> m.id order by m.ord),
    array(select k.queue from kept k order by k.queue, k.grp), array(select k.grp from kept k order by k.queue, k.grp)
  into o_ords, o_holders, v_queues, v_groups;
  -- They may have to wait for their rate: this notes until when.
  for i in 1 .. cardinality(v_queues) loop
    perform ${s}.queue_admit_v1(v_queues[i], v_groups[i], v_now);
  end loop;
end $$;
`;
}

/** Undoes {@link createEnqueueSet}. */
export function dropEnqueueSet(s: string): string {
  return `drop function ${s}.queue_enqueue_set_v1;\n`;
}

function changesOrder(s: string): string {
  return `u.strict not in (0, u.count) or u.fifo <> u.other_fifo or exists (
      select 1 from ${s}.queue_group g where g.queue = u.queue and g.grp = u.grp and g.fifo is distinct from u.fifo
    ) or case when exists (
        select 1 from ${s}.queue_task t where t.queue = u.queue and t.grp = u.grp and t.blocked = 'group'
      ) then (select coalesce(least(r.o_space, r.o_allowance), 1) > 0 from ${s}.queue_room_v1(u.queue, u.grp, v_now) r)
      else false end`;
}

/**
 * Tags and slots. What belongs to a group is looked up for its first task and handed to the others by windows: no join
 * whose size the planner would have to know. Tags are sums in the order of the tasks, as one by one they would be.
 */
function placesText(s: string): string {
  return `select f.*, case when f.grp is null then f.base else sum(
        case when f.place = 1 then greatest(f.base, f.before) else 0 end + 1 / coalesce(f.weight, f.usual, 1)
      ) over (partition by f.queue, f.grp order by f.ord) end as tag,
      f.due <= v_now and (f.grp is null or f.free is null or f.rank <= f.free) as admitted
    from (
      select e.*, max(e.vtime) over w as base, max(e.last) over w as before, max(e.group_weight) over w as usual,
        max(e.room) over w as free, bool_or(e.has_rate) over w as rated
      from (
        select a.*, l.* from (
          select m.*, row_number() over w as place, count(*) filter (where m.due <= v_now) over w as rank
          from m where m.holder_id = m.id window w as (partition by m.queue, m.grp order by m.ord)
        ) a left join lateral (${groupText(s)}) l on true
      ) e window w as (partition by e.queue, e.grp)
    ) f`;
}

function groupText(s: string): string {
  return `select q.vtime, coalesce(g.last, 0) as last, (c.limits ->> 'weight')::float8 as group_weight,
          a.grp is not null and c.limits -> 'rate' is not null as has_rate,
          case when a.grp is not null then greatest(
            case when c.most is not null or c.limits -> 'rate' is not null then 0 end,
            least(c.most - coalesce(g.held, 0), case when c.limits -> 'rate' is not null then (
              select r.o_allowance from ${s}.queue_room_v1(a.queue, a.grp, v_now) r
            ) end)
          ) end as room
          from ${s}.queue_setting q
          cross join lateral (select coalesce(q.groups -> a.grp, q.group_defaults) as limits offset 0) b
          cross join lateral (select b.limits, case when a.fifo is null then (b.limits ->> 'concurrency')::bigint
            else least(1, (b.limits ->> 'concurrency')::bigint) end as most offset 0) c
          left join lateral (
            select x.last, x.held from ${s}.queue_group x where x.queue = a.queue and x.grp = a.grp offset 0
          ) g on true
          where a.place = 1 and q.queue = a.queue offset 0`;
}
