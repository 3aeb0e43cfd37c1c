import type { StoredEvent } from '../../../src/index.js';
import { impatience, lostTokens, repeatedRuns } from './check-flows.js';
import { disorder, earlyKeys, type Records, sharedKeys, strictGroup } from './check-order.js';
import type { Crew } from './crew.js';
import type { History } from './history.js';
import type { Run } from './log.js';
import {
  CAP,
  CAPPED,
  GROUP_RATE,
  GROUP_RATED,
  MAIN,
  QUEUE_CONCURRENCY,
  QUEUE_RATE,
  RATED,
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
      const lapsedAt = history.lapsed.get(`${run.id} ${run.epoch}`) ?? Number.POSITIVE_INFINITY;
      const isLapsed = lapsedAt < (killedAt?.epochMs ?? Number.POSITIVE_INFINITY);
      return end === undefined || isLapsed ? [] : [{ ...run, end }];
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

/** The runs of strict groups, by group. */
function strictRuns(runs: readonly (Run & Span)[], records: Records): Map<string, Span[]> {
  const byGroup = new Map<string, Span[]>();
  for (const run of runs) {
    const group = strictGroup(records, run.id);
    if (group === undefined) continue;
    byGroup.set(group, [...(byGroup.get(group) ?? []), run]);
  }
  return byGroup;
}

/** What was reached of each limit, and what broke a rule. */
export interface LimitReport {
  readonly violations: readonly string[];
  readonly reached: Readonly<Record<string, number>>;
}

/** Holds what the processes and the store told against the limits. */
export function checkLimits(crew: Crew, history: History, records: Records): LimitReport {
  const runs = runsOf(crew, history);
  const violations = [
    ...disorder(history, records),
    ...sharedKeys(history),
    ...earlyKeys(history),
    ...impatience(history, records),
    ...repeatedRuns(records),
    ...lostTokens(records, crew),
  ];
  const reached: Record<string, number> = {};
  const atMost = (what: string, most: number, limit: number): void => {
    reached[what] = Math.max(reached[what] ?? 0, most);
    if (most > limit) violations.push(`${what}: ${most}, more than ${limit}`);
  };
  for (const name of CAPPED) {
    const spans = runs.filter((run) => run.name === name);
    atMost(`${name} at once`, mostAtOnce(spans), CAP);
  }
  for (const spans of strictRuns(runs, records).values())
    atMost('strict at once', mostAtOnce(spans), 1);
  const starts = history.events.filter(({ type }) => type === 'task.started');
  const inMain = new Set(
    starts.flatMap(({ queue, subject, epoch }) => (queue === MAIN ? [`${subject} ${epoch}`] : [])),
  );
  const ofMain = runs.filter(({ id, epoch }) => inMain.has(`${id} ${epoch}`));
  atMost('queue at once', mostAtOnce(ofMain), QUEUE_CONCURRENCY);
  const claims = (of: (event: StoredEvent) => boolean): number[] =>
    starts.flatMap((event) => (of(event) ? [event.at] : []));
  const ofGroup = claims(({ name }) => name === GROUP_RATED);
  atMost('group in a window', mostInWindow(ofGroup, GROUP_RATE.windowMs), GROUP_RATE.max);
  const ofQueue = claims(({ queue }) => queue === RATED);
  atMost('queue in a window', mostInWindow(ofQueue, QUEUE_RATE.windowMs), QUEUE_RATE.max);
  return { violations, reached };
}
