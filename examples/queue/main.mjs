// A queue in one process: a task that fails twice, one that is hopeless, and what an operator does about it.
import {
  createQueue,
  createWorker,
  defineTask,
  handle,
  memoryStore,
  QueueAdmin,
  UnrecoverableError,
} from '@holdfast/queue';

const sendEmail = defineTask('send-email', { retry: { attempts: 5, initial: '100ms' } });

const store = memoryStore();
const queue = createQueue('emails', { store });
const admin = new QueueAdmin({ store });

let accountOpen = false;
const worker = createWorker(queue, [
  handle(sendEmail, async ({ to }, { attempt }) => {
    if (to.startsWith('flaky') && attempt < 3)
      throw new Error(`connection reset (attempt ${attempt})`);
    if (to.startsWith('closed') && !accountOpen) throw new UnrecoverableError('no such account');
    return { sentTo: to };
  }),
]);

// A quick task may be done before `enqueue` returns, so its customer is told by the payload, not by the id.
const endOf = (to) =>
  new Promise((resolve) => {
    for (const type of ['task.completed', 'task.dead']) {
      queue.on(type, ({ subject }) => {
        void admin.get(subject).then(({ payload }) => payload.to === to && resolve(type));
      });
    }
  });
queue.on('task.failed', ({ data }) => console.log(`  will be repeated: ${data.entry.message}`));

await worker.start();
for (const to of ['ann@example.com', 'flaky@example.com', 'closed@example.com']) {
  const end = endOf(to);
  await queue.enqueue(sendEmail, { to }, { idempotencyKey: `welcome:${to}` });
  console.log(`${to}: ${await end}`);
}

const again = { idempotencyKey: 'welcome:ann@example.com' };
const { outcome } = await queue.enqueue(sendEmail, { to: 'ann@example.com' }, again);
console.log(`ann@example.com once more: ${outcome}`);

const { items } = await admin.list({ filter: { states: ['dead'] } });
const [letter] = items;
console.log(`dead letter: ${letter.payload.to}, because of "${letter.history[0].message}"`);

accountOpen = true;
const redriven = endOf(letter.payload.to);
await admin.redrive(letter.id, { by: 'operator', reason: 'account was opened' });
console.log(`redriven: ${await redriven}`, (await admin.get(letter.id)).result);

console.log(await admin.counts('emails'));
console.log(await worker.close());
