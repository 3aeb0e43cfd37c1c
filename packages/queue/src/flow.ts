import { invalidOption, textOption } from './options.js';
import type { EnqueueOutcome, NewTask, WaitFor } from './store.js';

/** How a task of a flow stands to the others. */
export interface FlowLinks {
  /** A name that others of the same list can wait for. */
  ref?: string;
  /** Names of the tasks that must be finished before this one starts. */
  after?: readonly string[];
  /**
   * When one of them fails for good, is cancelled or removed: this one fails too, or takes it as finished.
   * @defaultValue `'fail'`
   */
  onChildFailure?: 'fail' | 'ignore';
}

/** The links of a list, by index, checked. */
export interface FlowPlan {
  /** The order in which the store gets the tasks: each after those it waits for. */
  readonly order: readonly number[];
  /** The indexes that each task waits for. */
  readonly waits: readonly (readonly number[])[];
}

/**
 * Orders a flow.
 * @throws QueueError `QUEUE_OPTION_INVALID` for a name that is unknown or used twice, and for a circle, which it spells out
 */
export function planFlow(items: readonly FlowLinks[]): FlowPlan {
  const byRef = new Map<string, number>();
  for (const [index, item] of items.entries()) {
    if (typeof item !== 'object' || item === null || Array.isArray(item)) {
      throw invalidOption(`items[${index}]`, 'an object with a task and its payload', item);
    }
    const { ref } = item;
    if (ref === undefined) continue;
    const path = `items[${index}].ref`;
    if (byRef.has(textOption(path, ref))) throw invalidOption(path, 'used once', ref);
    byRef.set(ref, index);
  }
  const waits = items.map(({ after = [], onChildFailure }, index) => {
    const path = `items[${index}]`;
    if (!Array.isArray(after)) throw invalidOption(`${path}.after`, 'an array of refs', after);
    const modes: unknown[] = [undefined, 'fail', 'ignore'];
    if (!modes.includes(onChildFailure)) {
      throw invalidOption(`${path}.onChildFailure`, "'fail' or 'ignore'", onChildFailure);
    }
    return [...new Set<string>(after)].map((ref) => {
      const child = byRef.get(ref);
      if (child === undefined) throw invalidOption(`${path}.after`, 'refs of this list', ref);
      return child;
    });
  });
  return { order: sorted(waits, items), waits };
}

/** Each index after those it waits for (Kahn's algorithm), otherwise in the order given. */
function sorted(waits: readonly (readonly number[])[], items: readonly FlowLinks[]): number[] {
  const missing = waits.map((list) => list.length);
  const parents = new Map<number, number[]>();
  for (const [parent, list] of waits.entries()) {
    for (const child of list) parents.set(child, [...(parents.get(child) ?? []), parent]);
  }
  const order = missing.flatMap((count, index) => (count === 0 ? [index] : []));
  for (let at = 0; at < order.length; at++) {
    for (const parent of parents.get(order[at] ?? -1) ?? []) {
      missing[parent] = (missing[parent] ?? 0) - 1;
      if (missing[parent] === 0) order.push(parent);
    }
  }
  if (order.length < waits.length) {
    const circle = circleIn(waits, missing).map((index) => items[index]?.ref ?? `items[${index}]`);
    throw invalidOption('items', 'without circles', circle.join(' after '));
  }
  return order;
}

function circleIn(waits: readonly (readonly number[])[], missing: readonly number[]): number[] {
  const path: number[] = [];
  let at = missing.findIndex((count) => count > 0);
  while (!path.includes(at)) {
    path.push(at);
    at = waits[at]?.find((child) => (missing[child] ?? 0) > 0) ?? at;
  }
  return [...path.slice(path.indexOf(at)), at];
}

/** The tasks of a flow as the store gets them. */
export function linkFlow(
  tasks: readonly NewTask[],
  { order, waits }: FlowPlan,
  items: readonly FlowLinks[],
): NewTask[] {
  return order.flatMap((index) => {
    const task = tasks[index];
    if (task === undefined) return [];
    const ids = (waits[index] ?? []).flatMap((child) => tasks[child]?.id ?? []);
    const onFailure: WaitFor['onFailure'] = items[index]?.onChildFailure ?? 'fail';
    return [ids.length === 0 ? task : { ...task, waitFor: { ids, onFailure } }];
  });
}

/** The outcomes in the order of the tasks, which were handed to the store in another. */
export function inOrder(
  tasks: readonly NewTask[],
  linked: readonly NewTask[],
  outcomes: EnqueueOutcome[],
): EnqueueOutcome[] {
  if (linked === tasks) return outcomes;
  const byId = new Map(linked.map((task, index) => [task.id, outcomes[index]]));
  return tasks.flatMap((task) => byId.get(task.id) ?? []);
}
