/**
 * Claiming: a part of `queue_exchange_v1`. A claim changes no column that an index has. What tasks have in common comes
 * back once: `o_claimed` holds for each queue `[shape, [id, payload, …]]`, or, where they differ,
 * `[[queue], [id, payload, name, headers, priority, epoch, attempt, most attempts, enqueued at, run at, group, children, …]]`.
 *
 * The rows are locked first, in a statement of its own: one that finds nothing costs little, a single task needs no
 * sums, and the next statement sees also what was changed while it waited.
 */
export function claimText(s: string): string {
  return `v_places := array(
          select p.ctid from ${s}.queue_task p
          where p.queue = v_queue and p.state = 'ready' and p.lease_until is null
          order by p.priority desc, p.tag, p.seq limit v_limit for update skip locked
        );
        if cardinality(v_places) > 0 then
          if cardinality(v_places) = 1 then
          ${claimOneText(s)}
          else
          ${claimManyText(s)}
          end if;
          if r.count > 0 then
        ${claimedText(s)}
          end if;
        end if;`;
}

const TAKEN = `epoch = t.epoch + 1, attempts = t.attempts + 1, holder = p_worker, lease_until = v_until,
            started_at = v_now`;
const SHORT = (t: string): string => `'"' || ${t}.id || '",' || to_json(${t}.payload)`;
/** All that is known of a claimed task. */
export const LONG = (
  s: string,
  t: string,
): string => `concat_ws(',', '"' || ${t}.id || '"', to_json(${t}.payload),
              to_json(${t}.name), coalesce(to_json(${t}.headers)::text, 'null'), ${t}.priority, ${t}.epoch, ${t}.attempts,
              ${t}.max_attempts, ${s}.queue_ms(${t}.enqueued_at), ${s}.queue_ms(${t}.run_at),
              coalesce(to_json(${t}.grp)::text, 'null'), coalesce(cardinality(${t}.children), 0))`;

function claimOneText(s: string): string {
  return `update ${s}.queue_task t set ${TAKEN}
          where t.ctid = v_places[1]
          returning 1 as count, t.tag, array[t.id] as ids, array[t.name] as names, array[t.epoch] as epochs, t.headers,
            t.priority, t.attempts, t.max_attempts, t.enqueued_at, t.run_at, t.keep_completed_ms as keep,
            greatest(0, v_ms - ${s}.queue_ms(t.run_at))::float8 as ms,
            greatest(0, v_ms - ${s}.queue_ms(t.run_at))::float8 as most,
            t.grp is null and t.children is null as alike,
            case when t.grp is null and t.children is null then ${SHORT('t')} else ${LONG(s, 't')} end as rows
          into r;`;
}

function claimManyText(s: string): string {
  return `with taken as (
            update ${s}.queue_task t set ${TAKEN}
            where t.ctid = any(v_places)
            returning t.id, t.name, t.payload, t.headers, t.priority, t.epoch, t.attempts, t.max_attempts, t.enqueued_at,
              t.run_at, t.grp, t.children, t.tag, t.seq, t.keep_completed_ms
          ), c as (
            select * from taken order by priority desc, tag, seq
          )
          select a.*, case when a.alike then (select string_agg(${SHORT('c')}, ',') from c)
            else (select string_agg(${LONG(s, 'c')}, ',') from c) end as rows
          into r
          from (
            select count(*)::integer as count, max(c.tag) as tag, array_agg(c.id) as ids,
              case when min(c.name) = max(c.name) then array[min(c.name)] else array_agg(c.name) end as names,
              case when min(c.epoch) = max(c.epoch) then array[min(c.epoch)] else array_agg(c.epoch) end as epochs,
              min(c.headers) as headers, min(c.priority) as priority, min(c.attempts) as attempts,
              min(c.max_attempts) as max_attempts, min(c.enqueued_at) as enqueued_at, min(c.run_at) as run_at,
              max(c.keep_completed_ms) as keep,
              sum(greatest(0, v_ms - ${s}.queue_ms(c.run_at)))::float8 as ms,
              greatest(0, v_ms - ${s}.queue_ms(min(c.run_at)))::float8 as most,
              count(c.grp) = 0 and count(c.children) = 0 and min(c.name) = max(c.name) and min(c.epoch) = max(c.epoch)
                and count(c.headers) in (0, count(*)) and coalesce(min(c.headers) = max(c.headers), true)
                and min(c.priority) = max(c.priority) and min(c.attempts) = max(c.attempts)
                and min(c.max_attempts) = max(c.max_attempts) and min(c.enqueued_at) = max(c.enqueued_at)
                and min(c.run_at) = max(c.run_at) as alike
            from c
          ) a;`;
}

function claimedText(s: string): string {
  return `v_left := v_left - r.count;
        v_claimed := array_append(v_claimed, v_queue);
        v_leased := v_leased || r.ids;
        o_keeps := o_keeps or r.keep > 0;
        o_claimed := concat_ws(',', o_claimed, '[' || case when r.alike then json_build_array(v_queue, r.names[1],
          r.headers, r.priority, r.epochs[1], r.attempts, r.max_attempts, ${s}.queue_ms(r.enqueued_at),
          ${s}.queue_ms(r.run_at)) else json_build_array(v_queue) end || ',[' || r.rows || ']]');
        insert into ${s}.queue_event (at, type, queue, subjects, names, epochs, count, counted, ms, ms_max)
        values (v_now, 'task.started', v_queue, r.ids, r.names, r.epochs, r.count, r.count, r.ms, r.most);
        if v_setting.governed then
          ${governedText(s)}
        end if;`;
}

function governedText(s: string): string {
  return `update ${s}.queue_setting q set vtime = r.tag where q.queue = v_queue and q.vtime < r.tag;
          if v_setting.key_starts then
            delete from ${s}.queue_key k where k.task_id = any(array(
              select c.id from ${s}.queue_task c where c.id = any(r.ids) and c.key_start and c.epoch = 1
            ));
          end if;
          if v_setting.rate_max is not null then
            perform ${s}.queue_rate_note_v1(v_queue, '', v_setting.rate_window, v_now, r.count);
          end if;
          for g in
            select c.grp, count(*) as count,
              (${s}.queue_limits_v1(v_queue, c.grp) -> 'rate' ->> 'windowMs')::float8 as span
            from ${s}.queue_task c where c.id = any(r.ids) and c.grp is not null group by c.grp
          loop
            continue when g.span is null;
            perform ${s}.queue_rate_note_v1(v_queue, g.grp, g.span, v_now, g.count);
            perform ${s}.queue_admit_v1(v_queue, g.grp, v_now);
          end loop;`;
}
