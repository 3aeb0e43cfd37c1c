/** The minute of `v_now`. */
const MINUTE = (s: string): string => `${s}.queue_ms(v_now) / 60000 * 60000`;

/** A part of a statement that notes an event with an epoch for each row of `from`, in the order of its `ord`. */
export function noted(s: string, type: string, from: string): string {
  return `insert into ${s}.queue_event (at, type, queue, subjects, names, epochs, count)
      select v_now, ${type}, e.queue, array_agg(e.id order by e.ord), array_agg(e.name order by e.ord),
        array_agg(e.epoch order by e.ord), count(*)::integer
      from (${from}) e group by e.queue`;
}

/** A part of a statement that counts rows of `from`, whose lease ended, as `field`. */
export function ran(s: string, field: 'completed' | 'failed' | 'dead', from: string): string {
  const ms = `greatest(0, ${s}.queue_ms(v_now) - coalesce(${s}.queue_ms(e.started_at), ${s}.queue_ms(v_now)))`;
  return `insert into ${s}.queue_minute (queue, at, ${field}, run_ms, run_max)
      select e.queue, ${MINUTE(s)}, count(*), sum(${ms}), max(${ms}) from (${from}) e group by e.queue`;
}

/** What is said of one task or queue. */
export function createJournal(s: string): string {
  return `
create function ${s}.queue_note_v1(p_type text, p_queue text, p_subject text, p_name text, p_epoch integer,
  p_progress text, p_now timestamptz) returns void language plpgsql as $$
begin
  insert into ${s}.queue_event (at, type, queue, subject, names, epochs, progress)
  values (p_now, p_type, p_queue, p_subject, case when p_name is not null then array[p_name] end,
    case when p_epoch is not null then array[p_epoch] end, p_progress);
end $$;

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
  if not (
    exists (select 1 from ${s}.queue_task t where t.queue = p_queue and t.state = 'ready')
    or exists (
      select 1 from ${s}.queue_task t where t.queue = p_queue and t.state = 'scheduled' and t.blocked is null)
    or exists (select 1 from ${s}.queue_task t where t.queue = p_queue and t.blocked = 'group')
    or exists (select 1 from ${s}.queue_task t where t.queue = p_queue and t.blocked = 'children')
  ) then
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

/** What the events of a relation count for their minutes, in the order of {@link MINUTE_COLUMNS}. */
export function minutesOf(s: string, events: string): string {
  const counted = (type: string): string =>
    `case when e.type = 'task.${type}' then e.counted else 0 end`;
  const times = (type: string, column: string): string =>
    `case when e.type = 'task.${type}' then e.${column} else 0 end`;
  return `select e.queue, ${s}.queue_ms(e.at) / 60000 * 60000 as at, ${counted('added')} as added,
        ${counted('started')} as started, ${counted('completed')} as completed, 0 as failed, 0 as dead,
        ${times('started', 'ms')} as wait_ms, ${times('started', 'ms_max')} as wait_max,
        ${times('completed', 'ms')} as run_ms, ${times('completed', 'ms_max')} as run_max
      from ${events} e where e.counted > 0`;
}

/** Columns of `queue_minute` but the last. */
export const MINUTE_COLUMNS =
  'queue, at, added, started, completed, failed, dead, wait_ms, wait_max, run_ms, run_max';

/** Sums of `m` by queue and minute. */
export const MINUTE_SUMS = `sum(m.added)::bigint, sum(m.started)::bigint, sum(m.completed)::bigint,
      sum(m.failed)::bigint, sum(m.dead)::bigint, sum(m.wait_ms), max(m.wait_max), sum(m.run_ms), max(m.run_max)`;

/** Drops old events, and sums up the minutes that are over: one process at a time. */
export function pruneJournal(s: string): string {
  return `if pg_try_advisory_xact_lock(hashtextextended('${s}.queue_journal', 0)) then
    if (select sum(e.count) from ${s}.queue_event e) > ${2 * KEPT_EVENTS} then
      with old as (
        select k.seen, k.id from (
          select e.seen, e.id, sum(e.count) over (order by e.seen desc, e.id desc) - e.count as newer
          from ${s}.queue_event e
        ) k where k.newer >= ${KEPT_EVENTS}
      ), gone as (
        delete from ${s}.queue_event e using old where e.seen = old.seen and e.id = old.id
        returning e.seen, e.id, e.queue, e.at, e.type, e.counted, e.ms, e.ms_max
      ), before as (
        delete from ${s}.queue_event_floor where exists (select 1 from gone)
      ), counts as (
        insert into ${s}.queue_minute (${MINUTE_COLUMNS})
        select m.queue, m.at, ${MINUTE_SUMS} from (${minutesOf(s, 'gone')}) m group by m.queue, m.at
      )
      insert into ${s}.queue_event_floor select g.seen, g.id from gone g order by g.seen desc, g.id desc limit 1;
    end if;
    with over as (
      delete from ${s}.queue_minute m where m.at < ${MINUTE(s)} and not m.summed returning m.*
    )
    insert into ${s}.queue_minute (${MINUTE_COLUMNS}, summed)
    select m.queue, m.at, ${MINUTE_SUMS}, true from over m group by m.queue, m.at;
    delete from ${s}.queue_minute m where m.summed and m.at < ${MINUTE(s)} - ${KEPT_MINUTES_MS};
  end if;`;
}
