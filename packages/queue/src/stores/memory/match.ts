import type { TaskFilter } from '../../store.js';
import type { MemoryTask } from './task.js';

/** Whether a task is one of those that a filter asks for; `parent` is that of `childrenOf`. */
export function matcher(
  filter: TaskFilter,
  parent: MemoryTask | undefined,
): (task: MemoryTask) => boolean {
  const { queue, name, states, group, error, finishedFrom, finishedTo, blockedBy } = filter;
  const children = filter.childrenOf === undefined ? undefined : new Set(parent?.children);
  const tests: ((task: MemoryTask) => boolean)[] = [];
  const add = (given: unknown, test: (task: MemoryTask) => boolean): void => {
    if (given !== undefined) tests.push(test);
  };
  add(queue, ({ task }) => task.queue === queue);
  add(name, ({ task }) => task.name === name);
  add(states, ({ state }) => states?.includes(state) === true);
  add(group, ({ task }) => task.group?.key === group);
  add(children, ({ task }) => children?.has(task.id) === true);
  add(blockedBy, (task) => (task.blockedBy ?? 'none') === blockedBy);
  add(error, ({ history }) => history.findLast((entry) => 'name' in entry)?.name === error);
  add(finishedFrom, ({ finishedAt }) => finishedAt !== null && finishedAt >= (finishedFrom ?? 0));
  add(finishedTo, ({ finishedAt }) => finishedAt !== null && finishedAt < (finishedTo ?? 0));
  return (task) => tests.every((test) => test(task));
}
