import { dueOf } from './planner.js';

/** Columns of the parameters; one value stands for all tasks. */
export const PARAMETERS = `p_id uuid[], p_queue text[], p_name text[], p_payload text[], p_headers text[], p_priority smallint[],
  p_wait float8[], p_absolute boolean[], p_max integer[], p_keep_completed float8[], p_keep_dead float8[],
  p_key text[], p_key_ttl float8[]`;

/**
 * The tasks of the parameters. `more` names further ones, in the same `unnest`: a join of two would have to be planned,
 * and the planner does not know how many they are.
 */
export function rowsOf(more: readonly string[] = []): string {
  const columns = more.map((name) => `, n.${name}`).join('');
  const arrays = more.map((name) => `, p_${name}`).join('');
  const names = more.map((name) => `${name}, `).join('');
  return `select n.id, coalesce(n.queue, p_queue[1]) as queue, coalesce(n.name, p_name[1]) as name, n.payload,
      nullif(coalesce(n.headers, p_headers[1]), '{}') as headers, coalesce(n.priority, p_priority[1]) as priority,
      coalesce(n.wait, p_wait[1]) as wait, coalesce(n.absolute, p_absolute[1]) as absolute,
      coalesce(n.max, p_max[1]) as max, coalesce(n.keep_completed, p_keep_completed[1]) as keep_completed,
      coalesce(n.keep_dead, p_keep_dead[1]) as keep_dead, n.key, n.key_ttl${columns}, n.ord
    from unnest(p_id, p_queue, p_name, p_payload, p_headers, p_priority, p_wait, p_absolute, p_max,
      p_keep_completed, p_keep_dead, p_key, p_key_ttl${arrays}) with ordinality
      as n(id, queue, name, payload, headers, priority, wait, absolute, max, keep_completed, keep_dead, key, key_ttl,
        ${names}ord)`;
}

/**
 * One at a time for each key of `rows`: what is decided next must see the task that the one before made, and a statement
 * that waited for a row does not. In the order of the keys: two batches with the same keys then never wait for each other
 * in a circle.
 */
export function lockKeys(rows: string): string {
  return `perform pg_advisory_xact_lock(hashtextextended(k.queue || ' ' || k.key, 0)) from (
      select distinct n.queue, n.key from (${rows}) n where n.key is not null order by n.queue, n.key offset 0
    ) k;`;
}

/** Takes the keys of `rows`, which are locked, where nobody holds them: of two with one key, the first. */
export function takeKeys(s: string, rows: string): string {
  return `insert into ${s}.queue_key as k (queue, key, task_id, expires_at)
    select distinct on (n.queue, n.key) n.queue, n.key, n.id, v_now + n.key_ttl * interval '1 millisecond'
    from (${rows}) n
    where n.key is not null order by n.queue, n.key, n.ord
    on conflict (queue, key) do update set task_id = excluded.task_id, expires_at = excluded.expires_at
    where k.expires_at <= v_now and not exists (select 1 from ${s}.queue_task t where t.id = k.task_id);`;
}

/** Tasks of `n` with the one that holds their key, and when they are due. */
export function heldRows(s: string): string {
  return `select n.*, coalesce(k.task_id, n.id) as holder_id, ${dueOf('n.wait', 'n.absolute')} as due
    from n left join lateral (
      select x.task_id from ${s}.queue_key x where n.key is not null and x.queue = n.queue and x.key = n.key offset 0
    ) k on true`;
}

/** Says that the tasks of `m` were added: a row for each stretch of one queue, so that events are in their order. */
export function addedNote(s: string): string {
  return `insert into ${s}.queue_event (at, type, queue, subjects, names, count, counted)
    select v_now, 'task.added', e.queue, array_agg(e.id order by e.ord), array_agg(e.name order by e.ord),
      count(*)::integer, count(*)::integer
    from (
      select m.queue, m.id, m.name, m.ord,
        row_number() over (order by m.ord) - row_number() over (partition by m.queue order by m.ord) as stretch
      from m where m.holder_id = m.id
    ) e group by e.queue, e.stretch order by min(e.ord)`;
}
