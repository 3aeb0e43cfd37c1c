import { expect, it } from 'vitest';
import { createQueue, createWorker, defineTask, handle, memoryStore } from '../src/index.js';

it('runs a task', async () => {
  const echo = defineTask('echo');
  const queue = createQueue('q', { store: memoryStore() });
  const seen: unknown[] = [];
  const done = new Promise((resolve) => queue.on('task.completed', resolve));
  const worker = createWorker(queue, [handle(echo, (payload) => void seen.push(payload))]);
  await worker.start();
  expect((await queue.enqueue(echo, { n: 1 })).outcome).toBe('added');
  await done;
  expect(seen).toEqual([{ n: 1 }]);
  expect(await worker.close()).toMatchObject({ drained: true, abandoned: 0, unsettled: 0 });
});
