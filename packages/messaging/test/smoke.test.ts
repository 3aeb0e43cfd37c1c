import { createServer } from 'node:http';
import { expect, it } from 'vitest';
import { createMessaging, MessagingAdmin, memoryStore } from '../src/index.js';

it('smoke', async () => {
  const got: string[] = [];
  const server = createServer((q, r) => {
    let b = '';
    q.on('data', (c) => (b += c));
    q.on('end', () => {
      got.push(b);
      r.statusCode = 204;
      r.end();
    });
  });
  await new Promise<void>((r) => server.listen(0, '127.0.0.1', r));
  const url = `http://127.0.0.1:${(server.address() as { port: number }).port}/x`;
  const m = createMessaging({
    store: memoryStore(),
    webhooks: {
      secrets: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
      allowNetworks: ['127.0.0.0/8'],
    },
  });
  await m.init();
  m.start();
  for (const text of [
    'internet is not working',
    'Где мой заказ?',
    'Дякую, все працює',
    'blah',
    'hello',
    'I want to talk to a human operator',
    'why was I charged a fee',
  ]) {
    await m.accept({ clientId: text, text, webhookUrl: url });
  }
  await expect.poll(() => got.length).toBe(7);
  console.log(got.join('\n'));
  console.log(await new MessagingAdmin(m).counts(), await m.health(), await m.close(), m.stats());
  server.close();
});
