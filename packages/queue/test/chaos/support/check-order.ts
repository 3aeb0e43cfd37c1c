import type { StoredEvent, TaskRecord } from '../../../src/index.js';
import type { History } from './history.js';
import { GATHER, HELD, KEYED, STRICT, WAITING, WINDOW_MS, WINDOWED } from './rules.js';

/** Every task of the run, by id, as it is at its end. Those that were removed are absent. */
export type Records = ReadonlyMap<string, TaskRecord>;

/** Whether a task is live no more with this event. */
export const isOver = ({ type }: StoredEvent): boolean =>
  type === 'task.completed' || type === 'task.dead' || type === 'task.cancelled';

/** The strict group of a task that has one. */
export function strictGroup(records: Records, id: string): string | undefined {
  const { name, group } = records.get(id) ?? {};
  return name === STRICT || name === HELD ? group : undefined;
}

/** Whether the next of the strict group may run. A dead letter holds its group where that was asked for. */
const freesGroup = (event: StoredEvent): boolean =>
  isOver(event) && !(event.name === HELD && event.type === 'task.dead');

/** Tasks of strict groups that began before one that came earlier was over. */
export function disorder(history: History, records: Records): string[] {
  const found: string[] = [];
  const lines = new Map<string, string[]>();
  const over = new Set<string>();
  for (const event of history.events) {
    const { type, subject } = event;
    const group = strictGroup(records, subject);
    if (group === undefined) continue;
    const line = lines.get(group) ?? [];
    lines.set(group, line);
    if (type === 'task.added') line.push(subject);
    if (freesGroup(event)) over.add(subject);
    while (line[0] !== undefined && over.has(line[0])) line.shift();
    if (type === 'task.started' && line[0] !== subject)
      found.push(`${group}: ${subject} began before ${line[0]} was over`);
  }
  return found;
}

const HELD_WHILE_LIVE: readonly string[] = [...KEYED, ...WINDOWED, GATHER];

/** Keys that two tasks had at once. */
export function sharedKeys(history: History): string[] {
  const found: string[] = [];
  const holders = new Map<string, Set<string>>();
  for (const event of history.events) {
    const { type, subject, name = '' } = event;
    const isUntilStart = WAITING.includes(name);
    if (!isUntilStart && !HELD_WHILE_LIVE.includes(name)) continue;
    const ids = holders.get(name) ?? new Set();
    holders.set(name, ids);
    if (type === 'task.added' || type === 'task.redriven') ids.add(subject);
    if (isOver(event) || (isUntilStart && type === 'task.started')) ids.delete(subject);
    if (ids.size > 1) found.push(`${name}: ${[...ids].join(' and ')}`);
  }
  return found;
}

/** Keys that were given again before their time was over. */
export function earlyKeys(history: History): string[] {
  const found: string[] = [];
  const last = new Map<string, number>();
  for (const { type, at, subject, name = '' } of history.events) {
    if (type !== 'task.added' || !WINDOWED.includes(name)) continue;
    const passed = at - (last.get(name) ?? Number.NEGATIVE_INFINITY);
    if (passed < WINDOW_MS) found.push(`${name}: ${subject} came ${passed} ms after another`);
    last.set(name, at);
  }
  return found;
}

/** Two groups that were filled at one moment. */
export interface Rivals {
  /** Ids of the tasks of the group with the weight 1. */
  readonly light: ReadonlySet<string>;
  /** Ids of the tasks of the group with `weight`. */
  readonly heavy: ReadonlySet<string>;
  readonly weight: number;
}

/** How far the claims of two groups were apart from their shares at most, in tasks of the lighter, while both had some. */
export function unfairness(history: History, { light, heavy, weight }: Rivals): number {
  let [ofLight, ofHeavy, most] = [0, 0, 0];
  for (const { type, epoch, subject } of history.events) {
    if (type !== 'task.started' || epoch !== 1) continue;
    if (light.has(subject)) ofLight++;
    else if (heavy.has(subject)) ofHeavy++;
    else continue;
    if (ofLight === light.size || ofHeavy === heavy.size) break;
    most = Math.max(most, Math.abs(ofLight - ofHeavy / weight));
  }
  return most;
}
