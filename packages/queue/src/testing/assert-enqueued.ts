import type { TaskInfo } from '../admin-data.js';
import { integerOption, invalidOption, knownOptions, shown, textOption } from '../options.js';
import type { QueueStore, TaskRecord, TaskState } from '../store.js';
import type { AnyTaskDefinition } from '../task.js';
import { toTaskInfo } from '../task-info.js';

/** What {@link assertEnqueued} expects. */
export interface ExpectedTasks {
  /**
   * What the payload has at least: of an object the fields named here, of anything else the whole.
   * @defaultValue anything
   */
  payload?: unknown;
  /**
   * How many there are; 0 asserts that there is none.
   * @defaultValue at least one
   */
  count?: number;
  /** @defaultValue any state */
  states?: readonly TaskState[];
}

interface TestedQueue {
  readonly name: string;
  readonly store: Pick<QueueStore, 'find'>;
}

const STATES: readonly TaskState[] = [
  ...(['ready', 'scheduled', 'leased', 'completed', 'dead', 'cancelled'] as const),
];
const PAGE = 500;
const SHOWN = 10;

/**
 * For tests: asserts that tasks of a kind are in a queue, and returns them, oldest first.
 *
 * @throws Error that lists what is there instead; QueueError `QUEUE_OPTION_INVALID`
 */
export async function assertEnqueued(
  queue: TestedQueue,
  task: Pick<AnyTaskDefinition, 'name'>,
  expected: ExpectedTasks = {},
): Promise<TaskInfo[]> {
  checkExpected(task, expected);
  const { payload, count, states } = expected;
  const all = (await everyTask(queue)).map(toTaskInfo);
  const found = all.filter(
    (info) =>
      info.name === task.name &&
      (states === undefined || states.includes(info.state)) &&
      (payload === undefined || covers(info.payload, payload)),
  );
  if (count === undefined ? found.length > 0 : found.length === count) return found;
  const wanted = `${count ?? 'at least one'} task '${task.name}'`;
  const like = payload === undefined ? '' : ` with payload ${shown(payload)}`;
  const inState = states === undefined ? '' : `, ${states.join(' or ')}`;
  const there = all
    .slice(0, SHOWN)
    .map((info) => `\n  ${info.state} '${info.name}' ${shown(info.payload)}`);
  const more = all.length > SHOWN ? `\n  and ${all.length - SHOWN} more` : '';
  throw new Error(
    `Expected ${wanted}${like}${inState} in queue ${queue.name}, found ${found.length} among ${all.length}:` +
      `${there.join('')}${more}`,
  );
}

function checkExpected(task: Pick<AnyTaskDefinition, 'name'>, expected: ExpectedTasks): void {
  textOption('task.name', task?.name);
  knownOptions('expected', expected, ['payload', 'count', 'states']);
  integerOption('expected.count', expected.count, 1, [0, Number.MAX_SAFE_INTEGER]);
  const { states = [] } = expected;
  if (!Array.isArray(states) || !states.every((state) => STATES.includes(state))) {
    throw invalidOption('expected.states', `an array of ${STATES.join(', ')}`, states);
  }
}

async function everyTask({ name, store }: TestedQueue): Promise<TaskRecord[]> {
  const all: TaskRecord[] = [];
  for (;;) {
    const after = all.at(-1)?.id;
    const start = after === undefined ? {} : { after };
    const page = await store.find({ queue: name }, { order: 'oldest', limit: PAGE, ...start });
    all.push(...page);
    if (page.length < PAGE) return all;
  }
}

/** Whether a JSON value has what is expected: extra fields of objects do not matter, at any depth. */
function covers(value: unknown, expected: unknown): boolean {
  if (typeof expected !== 'object' || expected === null) return Object.is(value, expected);
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(expected) !== Array.isArray(value)) return false;
  if (Array.isArray(expected) && expected.length !== (value as unknown[]).length) return false;
  return Object.entries(expected).every(
    ([key, part]) => Object.hasOwn(value, key) && covers(Reflect.get(value, key), part),
  );
}
