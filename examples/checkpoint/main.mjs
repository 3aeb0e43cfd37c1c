// Saves versions of a set of templates, rolls back through the owner, undoes that, and meets a damaged version.
import { createCheckpoints, isCheckpointError, memoryStore } from '@holdfast/checkpoint';
import { damagedStore } from '@holdfast/checkpoint/testing';

let templates = { greeting: 'Hello!' };
const store = memoryStore();
const checkpoints = createCheckpoints({ store });
checkpoints.register('templates', {
  restore(state, { by, reason }) {
    templates = state;
    console.log(`  ${by} restores (${reason}):`, templates);
  },
});

console.log('Three versions:');
for (const greeting of ['Hello!', 'Hi!', 'Yo!']) {
  templates = { ...templates, greeting };
  const { version, contentHash } = await checkpoints.save('templates', templates, {
    author: 'bob',
    label: `says ${greeting}`,
  });
  console.log(`  ${version}: ${greeting.padEnd(6)} ${contentHash.slice(0, 12)}`);
}

console.log('Roll back, then undo it:');
await checkpoints.rollback('templates', {
  to: { label: 'says Hello!' },
  by: 'ann',
  reason: 'too informal',
});
await checkpoints.undo('templates', { by: 'bob', reason: 'it was asked for' });
const { items } = await checkpoints.list({ subject: 'templates' });
console.log(
  '  history:',
  items.map(({ version, origin }) => `${version} ${origin.kind}`).join(', '),
);

console.log('A large state that grows by one item:');
const list = Array.from({ length: 20_000 }, (_, id) => ({ id, text: `message ${id}` }));
const { size } = await checkpoints.save('log', { list });
const before = checkpoints.stats().bytesWritten;
await checkpoints.save('log', { list: [...list, { id: 20_000, text: 'one more' }] });
console.log(`  ${size} bytes, then ${checkpoints.stats().bytesWritten - before} more`);

console.log('One flipped bit in the store:');
const damaged = damagedStore(store, {
  segment: ({ hash, body }) => ({
    hash,
    body: Buffer.from(body).includes('Yo!')
      ? body.map((byte, at) => (at === 3 ? byte ^ 1 : byte))
      : body,
  }),
});
try {
  await createCheckpoints({ store: damaged }).load('templates');
} catch (error) {
  if (!isCheckpointError(error)) throw error;
  console.log(`  ${error.code}: ${error.message}`);
}
