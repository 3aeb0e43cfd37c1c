// A customer writes three times; a receiver on this machine gets one signed webhook for each message.
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import { createMessaging, MessagingAdmin, memoryStore } from '@holdfast/messaging';

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const key = Buffer.from(secret.slice('whsec_'.length), 'base64');

// The receiver: checks the signature (Standard Webhooks), then reads the replies. Its first answer is a failure.
let requests = 0;
const receiver = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  requests += 1;
  if (requests === 1) return response.writeHead(503).end();
  const header = (name) => request.headers[`webhook-${name}`];
  const hmac = createHmac('sha256', key).update(`${header('id')}.${header('timestamp')}.${body}`);
  const signature = header('signature') === `v1,${hmac.digest('base64')}` ? 'valid' : 'INVALID';
  const { data } = JSON.parse(body);
  console.log(`\n${data.category}, attempt ${header('attempt')}, signature ${signature}`);
  for (const { purpose, text } of data.replies) console.log(`  ${purpose}: ${text}`);
  response.writeHead(204).end();
});
await new Promise((resolve) => receiver.listen(0, '127.0.0.1', resolve));
const webhookUrl = `http://127.0.0.1:${receiver.address().port}/hook`;

const messaging = createMessaging({
  store: memoryStore(),
  pollInterval: '50ms',
  webhooks: {
    secrets: [secret],
    allowNetworks: ['127.0.0.0/8'], // by default only public addresses are connected to
    retry: { schedule: ['200ms', '5s', '5m'], floor: '100ms' },
  },
});
await messaging.init();
messaging.start();
const texts = [
  'My internet is not working',
  'Чому так дорого? Поверніть гроші за рахунок',
  'I want to talk to a human',
];
let left = texts.length;
const delivered = new Promise((resolve) => {
  messaging.on('delivery.delivered', () => --left === 0 && resolve());
});
for (const [i, text] of texts.entries()) {
  const accept = () =>
    messaging.accept({ clientId: 'ann', text, webhookUrl }, { idempotencyKey: `message-${i}` });
  const [first, again] = [await accept(), await accept()]; // a client that repeats itself
  console.log(`accepted ${first.message.id}, once more: ${again.message.id}`);
}

await delivered;
const { items } = await new MessagingAdmin(messaging).listMessages();
console.log(
  `\n${items.map(({ seq, status, delivery }) => `${seq}: ${status}, ${delivery.status}`).join('; ')}`,
);
await messaging.close();
receiver.close();
