import type { Crew } from './crew.js';
import type { History } from './history.js';
import type { Run } from './log.js';
import {
  CAP,
  CAPPED,
  GROUP_RATE,
  GROUP_RATED,
  KEYED,
  OF_RATED,
  QUEUE_CONCURRENCY,
  QUEUE_RATE,
} from './rules.js';

interface Span {
  readonly begin: number;
  readonly end: number;
}

/** Most spans that overlap at a moment. */
function mostAtOnce(spans: readonly Span[]): number {
  const turns = spans.flatMap(({ begin, end }) => [
    { at: begin, by: 1 },
    { at: end, by: -1 },
  ]);
  // What ends at the moment another begins was over before.
  turns.sort((a, b) => a.at - b.at || a.by - b.by);
  let [now, most] = [0, 0];
  for (const { by } of turns) {
    now += by;
    most = Math.max(most, now);
  }
  return most;
}

/**
 * Every run of a handler whose lease held to its end, or to the death of its process: one that went on after its lease
 * had lapsed is not bound by a limit.
 */
function runsOf(crew: Crew, history: History): (Run & Span)[] {
  return crew.members.flatMap(({ log, killedAt }) =>
    log.runs.flatMap((run) => {
      const end = run.end ?? killedAt?.monotonicMs;
      const lapsed = killedAt === undefined && history.lapsed.has(`${run.id} ${run.epoch}`);
      return end === undefined || lapsed ? [] : [{ ...run, end }];
    }),
  );
}

/** Most claims in a window, whatever its position. */
function mostInWindow(times: readonly number[], windowMs: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  let [from, most] = [0, 0];
  for (const [to, at] of sorted.entries()) {
    while (at - (sorted[from] ?? at) >= windowMs) from++;
    most = Math.max(most, to - from + 1);
  }
  return most;
}

/** Tasks of strict groups that began before one that came earlier was over. */
function disorder(history: History): string[] {
  const found: string[] = [];
  const lines = new Map<string, string[]>();
  const over = new Set<string>();
  for (const { type, subject, name = '' } of history.events) {
    if (!name.startsWith('strict-')) continue;
    const line = lines.get(name) ?? [];
    lines.set(name, line);
    if (type === 'task.added') line.push(subject);
    if (type === 'task.completed' || type === 'task.dead' || type === 'task.cancelled')
      over.add(subject);
    while (line[0] !== undefined && over.has(line[0])) line.shift();
    if (type === 'task.started' && line[0] !== subject)
      found.push(`${name}: ${subject} began before ${line[0]} was over`);
  }
  return found;
}

/** Keys that two live tasks had at once. */
function sharedKeys(history: History): string[] {
  const found: string[] = [];
  const live = new Map<string, Set<string>>();
  for (const { type, subject, name = '' } of history.events) {
    if (!KEYED.includes(name)) continue;
    const ids = live.get(name) ?? new Set();
    live.set(name, ids);
    if (type === 'task.added' || type === 'task.redriven') ids.add(subject);
    if (type === 'task.completed' || type === 'task.dead' || type === 'task.cancelled')
      ids.delete(subject);
    if (ids.size > 1) found.push(`${name}: ${[...ids].join(' and ')}`);
  }
  return found;
}

/** What was reached of each limit, and what broke a rule. */
export interface LimitReport {
  readonly violations: readonly string[];
  readonly reached: Readonly<Record<string, number>>;
}

/** Holds what the processes and the store told against the limits. */
export function checkLimits(crew: Crew, history: History): LimitReport {
  const runs = runsOf(crew, history);
  const violations = [...disorder(history), ...sharedKeys(history)];
  const reached: Record<string, number> = {};
  const atMost = (what: string, most: number, limit: number): void => {
    reached[what] = Math.max(reached[what] ?? 0, most);
    if (most > limit) violations.push(`${what}: ${most}, more than ${limit}`);
  };
  for (const name of CAPPED) {
    const spans = runs.filter((run) => run.name === name);
    atMost(`${name} at once`, mostAtOnce(spans), CAP);
  }
  const strict = new Set(runs.flatMap(({ name }) => (name.startsWith('strict-') ? [name] : [])));
  for (const name of strict)
    atMost('strict at once', mostAtOnce(runs.filter((run) => run.name === name)), 1);
  const main = runs.filter(({ name }) => name !== OF_RATED);
  atMost('queue at once', mostAtOnce(main), QUEUE_CONCURRENCY);
  const claims = (name: string): number[] =>
    history.events.flatMap((event) =>
      event.type === 'task.started' && event.name === name ? [event.at] : [],
    );
  const rated = mostInWindow(claims(GROUP_RATED), GROUP_RATE.windowMs);
  atMost('group in a window', rated, GROUP_RATE.max);
  atMost('queue in a window', mostInWindow(claims(OF_RATED), QUEUE_RATE.windowMs), QUEUE_RATE.max);
  return { violations, reached };
}
