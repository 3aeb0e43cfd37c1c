import type { QueueStore, TaskRecord } from './store.js';
import type { ChildTask } from './task.js';
import { parsedText } from './task-info.js';

const PAGE = 500;

/** The tasks that a task waited for, in the order of their ids. */
export async function childrenOf(
  store: Pick<QueueStore, 'find'>,
  parent: string,
): Promise<ChildTask[]> {
  const children: ChildTask[] = [];
  for (let after: string | undefined; ; after = children.at(-1)?.id) {
    const start = after === undefined ? {} : { after };
    const page = { order: 'oldest', limit: PAGE, ...start } as const;
    const records = await store.find({ childrenOf: parent }, page);
    children.push(...records.map(toChild));
    if (records.length < PAGE) return children;
  }
}

function toChild({ id, name, state, result }: TaskRecord): ChildTask {
  return { id, name, state, result: result === null ? null : parsedText(result) };
}
