/** The minute of `v_now`. */
const MINUTE = (s: string): string => `${s}.queue_ms(v_now) / 60000 * 60000`;

/** A part of a statement that notes an event for each row of `from`, in the order of its `ord`. */
export function noted(s: string, type: string, from: string, epochs: 'epoch' | 'none'): string {
  const epoch = epochs === 'epoch' ? 'array_agg(e.epoch)' : 'null';
  const shared = (column: string): string =>
    `case when min(e.${column}) = max(e.${column}) then array[min(e.${column})] else array_agg(e.${column}) end`;
  return `insert into ${s}.queue_event (at, type, queues, subjects, names, epochs)
      select v_now, ${type}, ${shared('queue')}, array_agg(e.id::text), ${shared('name')}, ${epoch}
      from (select f.* from (${from}) f order by f.ord) e having count(*) > 0`;
}

/** A part of a statement that counts rows of `from`, whose lease ended, as `field`. */
export function ran(s: string, field: 'completed' | 'failed' | 'dead', from: string): string {
  const ms = `greatest(0, ${s}.queue_ms(v_now) - coalesce(${s}.queue_ms(e.started_at), ${s}.queue_ms(v_now)))`;
  return `insert into ${s}.queue_minute (queue, at, ${field}, run_ms, run_max)
      select e.queue, ${MINUTE(s)}, count(*), sum(${ms}), max(${ms}) from (${from}) e group by e.queue`;
}

/** A part of a statement that counts the claims of `from`. */
export function started(s: string, from: string): string {
  const ms = `greatest(0, ${s}.queue_ms(v_now) - ${s}.queue_ms(e.run_at))`;
  return `insert into ${s}.queue_minute (queue, at, started, wait_ms, wait_max)
      select e.queue, ${MINUTE(s)}, count(*), sum(${ms}), max(${ms}) from (${from}) e group by e.queue`;
}

/** A part of a statement that counts what `from` added. */
export function added(s: string, from: string): string {
  return `insert into ${s}.queue_minute (queue, at, added)
      select e.queue, ${MINUTE(s)}, count(*) from (${from}) e group by e.queue`;
}

/** What is said of one task or queue. */
export function createJournal(s: string): string {
  return `
create function ${s}.queue_note_v1(p_type text, p_queue text, p_subject text, p_name text, p_epoch integer,
  p_progress text, p_now timestamptz) returns void language sql as $$
  insert into ${s}.queue_event (at, type, queues, subjects, names, epochs, progress)
  values (p_now, p_type, array[p_queue], array[p_subject], case when p_name is not null then array[p_name] end,
    case when p_epoch is not null then array[p_epoch] end, p_progress)
$$;

-- Counts a lease that ended, or with no start a task that did.
create function ${s}.queue_ran_v1(p_queue text, p_field text, p_started timestamptz, p_now timestamptz)
returns void language plpgsql as $$
declare v_ms bigint := greatest(0, ${s}.queue_ms(p_now) - coalesce(${s}.queue_ms(p_started), ${s}.queue_ms(p_now)));
begin
  insert into ${s}.queue_minute (queue, at, completed, failed, dead, run_ms, run_max)
  values (p_queue, ${s}.queue_ms(p_now) / 60000 * 60000, (p_field = 'completed')::integer,
    (p_field = 'failed')::integer, (p_field = 'dead')::integer, v_ms, v_ms);
end $$;

-- Says so where the last live task of a queue ended.
create function ${s}.queue_drained_v1(p_queue text, p_now timestamptz) returns void language plpgsql as $$
begin
  if not exists (select 1 from ${s}.queue_task t where t.queue = p_queue and t.state = 'leased')
    and not exists (select 1 from ${s}.queue_task t where t.queue = p_queue and t.state = 'ready')
    and not exists (
      select 1 from ${s}.queue_task t where t.queue = p_queue and t.state = 'scheduled' and t.blocked is null)
    and not exists (select 1 from ${s}.queue_task t where t.queue = p_queue and t.blocked = 'group')
    and not exists (select 1 from ${s}.queue_task t where t.queue = p_queue and t.blocked = 'children')
  then
    perform ${s}.queue_note_v1('queue.drained', p_queue, p_queue, null, null, null, p_now);
  end if;
end $$;
`;
}

/** Undoes {@link createJournal}. */
export function dropJournal(s: string): string {
  return ['drained', 'ran', 'note']
    .map((name) => `drop function ${s}.queue_${name}_v1;\n`)
    .join('');
}

/** How many events are kept at least; twice as many at most after a sweep. */
const KEPT_EVENTS = 10_000;
const KEPT_MINUTES_MS = 1_440 * 60_000;

/** Drops old events, and sums up the minutes that are over: one process at a time. */
export function pruneJournal(s: string): string {
  return `if pg_try_advisory_xact_lock(hashtextextended('${s}.queue_journal', 0)) then
    if (select sum(cardinality(e.subjects)) from ${s}.queue_event e) > ${2 * KEPT_EVENTS} then
      with old as (
        select k.xid, k.id from (
          select e.xid, e.id, sum(cardinality(e.subjects)) over (order by e.xid desc, e.id desc)
            - cardinality(e.subjects) as newer from ${s}.queue_event e
        ) k where k.newer >= ${KEPT_EVENTS}
      ), gone as (
        delete from ${s}.queue_event e using old where e.xid = old.xid and e.id = old.id returning e.xid, e.id
      ), before as (
        delete from ${s}.queue_event_floor where exists (select 1 from gone)
      )
      insert into ${s}.queue_event_floor select g.xid, g.id from gone g order by g.xid desc, g.id desc limit 1;
    end if;
    with over as (
      delete from ${s}.queue_minute m where m.at < ${MINUTE(s)} and not m.summed returning m.*
    )
    insert into ${s}.queue_minute (queue, at, added, started, completed, failed, dead, wait_ms, wait_max, run_ms,
      run_max, summed)
    select m.queue, m.at, sum(m.added), sum(m.started), sum(m.completed), sum(m.failed), sum(m.dead), sum(m.wait_ms),
      max(m.wait_max), sum(m.run_ms), max(m.run_max), true from over m group by m.queue, m.at;
    delete from ${s}.queue_minute m where m.summed and m.at < ${MINUTE(s)} - ${KEPT_MINUTES_MS};
  end if;`;
}
