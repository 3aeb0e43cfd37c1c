// A whole pipeline in a process of its own, to be killed: accepts what its input says, line by line, and says on its
// output what was accepted.
import { createInterface } from 'node:readline';
import { openDatabase } from '@holdfast/sql';
import { createMessaging } from '../../src/index.js';
import { postgresStore } from '../../src/stores/postgres.js';

const [database = '', webhookUrl = '', secret = ''] = process.argv.slice(2);
const db = await openDatabase(
  database.startsWith('postgres') ? { url: database } : { dataDir: database },
);
const messaging = createMessaging({
  store: postgresStore(db),
  pollInterval: '50ms',
  webhooks: {
    secrets: [secret],
    allowNetworks: ['127.0.0.0/8'],
    timeout: '1s',
    retry: { schedule: ['100ms', '1s', '1s', '1s'], floor: '10ms' },
  },
});
await messaging.init();
messaging.start();
process.stdout.write('ready\n');
for await (const line of createInterface({ input: process.stdin })) {
  const { key, clientId, text } = JSON.parse(line);
  messaging.accept({ clientId, text, webhookUrl }, { idempotencyKey: key }).then(
    ({ message }) => process.stdout.write(`${JSON.stringify({ key, id: message.id })}\n`),
    (error: unknown) => process.stderr.write(`${String(error)}\n`),
  );
}
