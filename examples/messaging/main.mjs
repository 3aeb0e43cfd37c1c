// A customer writes three times; a receiver on this machine gets one signed webhook for each message.
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import { createMessaging, MessagingAdmin, memoryStore } from '@holdfast/messaging';

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

// The receiver: checks the signature (Standard Webhooks), then reads the replies. Its first answer is a failure.
let requests = 0;
const receiver = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  requests += 1;
  if (requests === 1) return response.writeHead(503).end();
  const {
    'webhook-id': id,
    'webhook-timestamp': at,
    'webhook-signature': signature,
  } = request.headers;
  const hmac = createHmac('sha256', Buffer.from(secret.slice('whsec_'.length), 'base64'));
  const valid = signature === `v1,${hmac.update(`${id}.${at}.${body}`).digest('base64')}`;
  const { data } = JSON.parse(body);
  console.log(
    `\n${data.category} (${data.status}), signature ${valid ? 'valid' : 'INVALID'}, attempt ${request.headers['webhook-attempt']}`,
  );
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
for (const [i, text] of texts.entries()) {
  const input = { clientId: 'ann', text, webhookUrl };
  const first = await messaging.accept(input, { idempotencyKey: `message-${i}` });
  const again = await messaging.accept(input, { idempotencyKey: `message-${i}` }); // a client that repeats itself
  console.log(
    `accepted ${first.message.id}, repeated: ${again.replayed && again.message.id === first.message.id}`,
  );
}

const delivered = new Promise((resolve) => {
  let count = 0;
  messaging.on('delivery.delivered', () => ++count === texts.length && resolve());
});
await delivered;
const { items } = await new MessagingAdmin(messaging).listMessages();
console.log(
  `\n${items.map(({ seq, status, delivery }) => `${seq}: ${status}, ${delivery.status}`).join('; ')}`,
);
await messaging.close();
receiver.close();
