import { invalidOption } from './options.js';
import { type AnyTaskDefinition, requireTask } from './task.js';

/** Definitions by name. @throws QueueError `QUEUE_OPTION_INVALID` */
export function byName(tasks: readonly AnyTaskDefinition[] = []): Map<string, AnyTaskDefinition> {
  const path = 'options.tasks';
  if (!Array.isArray(tasks)) throw invalidOption(path, 'an array of defineTask(…)', tasks);
  const named = new Map<string, AnyTaskDefinition>();
  for (const [index, task] of (tasks as readonly AnyTaskDefinition[]).entries()) {
    requireTask(`${path}[${index}]`, task);
    if (named.has(task.name)) throw invalidOption(`${path}[${index}].name`, 'used once', task.name);
    named.set(task.name, task);
  }
  return named;
}
