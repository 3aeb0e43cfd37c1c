import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createMessaging,
  type MessagingEvent,
  type MessagingStore,
  memoryStore,
} from '../src/index.js';
import { eventually } from './support/eventually.js';
import { allMessages, pipeline, settled } from './support/pipeline.js';
import { type Receiver, SECRET, startReceiver, verify } from './support/receiver.js';
import { VirtualClock } from './support/virtual-clock.js';

let receiver: Receiver;
beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(() => receiver.close());

describe('a message', () => {
  it('is accepted, answered and delivered once, signed', async () => {
    const { messaging, admin } = pipeline();
    await messaging.init();
    messaging.start();
    const { message } = await messaging.accept(
      {
        clientId: 'ann',
        text: 'My card is lost',
        webhookUrl: receiver.url,
        platform: 'crm',
        chatId: '7',
        metadata: { t: 1 },
      },
      { requestId: 'req-9' },
    );
    await settled(admin);
    const [got, ...others] = receiver.received;
    if (got === undefined) throw new Error('Nothing arrived');
    expect(others).toEqual([]);
    verify(got);
    const kept = await admin.getMessage(message.id);
    expect(got.id).toBe(kept.delivery?.id);
    expect(got.headers['x-request-id']).toBe('req-9');
    expect(got.event).toEqual({
      type: 'message.replied',
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      data: {
        message_id: message.id,
        session_id: message.sessionId,
        client_id: 'ann',
        platform: 'crm',
        chat_id: '7',
        category: 'CARD',
        confidence: kept.classification?.confidence,
        status: 'responded',
        replies: kept.replies.map(({ id, purpose, text, locale }) => ({
          id,
          purpose,
          text,
          locale,
        })),
        metadata: { t: 1 },
      },
    });
    await messaging.close();
  });

  it('without an address of its own goes to that of its session', async () => {
    const { messaging, admin } = pipeline();
    await messaging.init();
    messaging.start();
    await messaging.accept({ clientId: 'ann', text: 'hello', webhookUrl: receiver.url });
    await messaging.accept({ clientId: 'ann', text: 'thanks' });
    await messaging.accept({ clientId: 'bob', text: 'hello' });
    await settled(admin);
    expect(receiver.received.length).toBe(2);
    expect((await allMessages(admin)).map(({ delivery }) => delivery?.status)).toEqual([
      'delivered',
      'delivered',
      'no_destination',
    ]);
    await messaging.close();
  });

  it('is one of fifty concurrent first ones, of which one is greeted, in order', async () => {
    const { messaging, admin } = pipeline();
    await messaging.init();
    messaging.start();
    await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        messaging.accept({ clientId: 'ann', text: `card ${i}` }),
      ),
    );
    await settled(admin);
    const messages = await allMessages(admin);
    const greeted = messages.filter(({ replies }) =>
      replies.some(({ purpose }) => purpose === 'greeting'),
    );
    expect(new Set(messages.map(({ sessionId }) => sessionId)).size).toBe(1);
    expect(greeted.map(({ seq }) => seq)).toEqual([1]);
    await messaging.close();
  });

  it('that cannot be processed is tried again, then failed where it can be seen, and those after it go on', async () => {
    const clock = new VirtualClock();
    const events: MessagingEvent<'message.failed'>[] = [];
    const { messaging, admin } = pipeline({
      clock,
      maxAttempts: 3,
      scenarios: [{ category: 'UNKNOWN', template: 'fallback' }],
      tasks: {
        async enqueue(tasks) {
          if (tasks.some(({ payload }) => payload.client_id === 'poison'))
            throw new Error('the queue refuses');
        },
      },
      maxFallbacks: 0,
    });
    messaging.on('message.failed', (event) => void events.push(event));
    await messaging.init();
    messaging.start();
    const { message } = await messaging.accept({ clientId: 'poison', text: 'zxcv' });
    await messaging.accept({ clientId: 'ann', text: 'zxcv' });
    for (let i = 0; i < 20; i += 1) await clock.advance(1_000);
    expect(await admin.getMessage(message.id)).toMatchObject({
      status: 'failed',
      error: 'the queue refuses',
      replies: [],
    });
    expect((await admin.listMessages({ clientId: 'ann' })).items[0]?.status).toBe('escalated');
    expect(events.map(({ subject }) => subject)).toEqual([message.id]);
    await messaging.close();
  });

  it('waits for templates that cannot be read for now, however long, and is not blamed', async () => {
    const clock = new VirtualClock();
    const store = memoryStore({ clock });
    let away = true;
    const { messaging, admin } = pipeline({
      clock,
      maxAttempts: 2,
      store: {
        ...store,
        listTemplates: () =>
          away
            ? Promise.reject(Object.assign(new Error('away'), { code: 'SQL_UNAVAILABLE' }))
            : store.listTemplates(),
      },
    });
    await messaging.init();
    messaging.start();
    const { message } = await messaging.accept({ clientId: 'ann', text: 'hello' });
    for (let i = 0; i < 60; i += 1) await clock.advance(1_000);
    expect(await admin.getMessage(message.id)).toMatchObject({ status: 'accepted', error: 'away' });
    away = false;
    for (let i = 0; i < 5; i += 1) await clock.advance(1_000);
    expect(await admin.getMessage(message.id)).toMatchObject({ status: 'responded', attempts: 1 });
    await messaging.close();
  });

  it('is refused while too many wait, and taken again afterwards', async () => {
    const clock = new VirtualClock();
    const { messaging } = pipeline({ clock, maxBacklog: 3 });
    await messaging.init();
    const say = () => messaging.accept({ clientId: 'ann', text: 'hello' });
    for (let i = 0; i < 3; i += 1) await say();
    await expect(say()).rejects.toMatchObject({
      code: 'MESSAGING_OVERLOADED_UNAVAILABLE',
      details: { retryAfterMs: 1_000 },
    });
    messaging.start();
    for (let i = 0; i < 10; i += 1) await clock.advance(500);
    await say();
    await messaging.close();
  });
});

describe('a delivery', () => {
  async function started(options: Parameters<typeof pipeline>[0] = {}) {
    const clock = new VirtualClock();
    const made = pipeline({ clock, random: () => 0.5, ...options });
    await made.messaging.init();
    made.messaging.start();
    const { message } = await made.messaging.accept({
      clientId: 'ann',
      text: 'hello',
      webhookUrl: receiver.url,
    });
    const delivery = async () =>
      (await made.admin.listDeliveries({ messageId: message.id })).items[0];
    const attempts = (n: number) =>
      eventually(
        async () => (await delivery())?.status !== 'sending' && receiver.received.length === n,
      ).toBe(true);
    return { ...made, clock, delivery, attempts };
  }

  it('is tried again with the same id and body and a new signature, until it is dead', async () => {
    receiver.answer = (response) => void response.writeHead(503).end();
    const { messaging, admin, clock, delivery, attempts } = await started({
      webhooks: { secrets: [SECRET], retry: { schedule: ['2s', '4s'] } },
    });
    await attempts(1);
    expect(await delivery()).toMatchObject({
      status: 'retrying',
      attempts: 1,
      lastHttpStatus: 503,
    });
    await clock.advance(1_400);
    expect(receiver.received.length).toBe(1); // floor 1 s + half of the rest of 2 s
    await clock.advance(1_100);
    await attempts(2);
    await clock.advance(4_000);
    await attempts(3);
    await clock.advance(100_000);
    const dead = await delivery();
    expect(dead).toMatchObject({ status: 'dead', attempts: 3, nextAttemptAt: null });
    expect(new Set(receiver.received.map(({ id, body }) => `${id} ${body}`)).size).toBe(1);
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-signature'])).size).toBe(
      3,
    );
    expect(receiver.received.map(({ headers }) => headers['webhook-attempt'])).toEqual([
      '1',
      '2',
      '3',
    ]);
    const { items } = await admin.listAttempts(dead?.id ?? '');
    expect(items.map(({ n, httpStatus, errorCode }) => [n, httpStatus, errorCode])).toEqual([
      [1, 503, 'HTTP_503'],
      [2, 503, 'HTTP_503'],
      [3, 503, 'HTTP_503'],
    ]);

    receiver.answer = (response) => void response.writeHead(200).end();
    await admin.replayDelivery(dead?.id ?? '');
    await attempts(4);
    expect(await delivery()).toMatchObject({ status: 'delivered', attempts: 4 });
    expect(receiver.received[3]?.id).toBe(receiver.received[0]?.id);
    expect((await admin.listAttempts(dead?.id ?? '')).items.at(-1)?.trigger).toBe('replay');
    await messaging.close();
  });

  it('is not tried before Retry-After has passed', async () => {
    receiver.answer = (response) => void response.writeHead(429, { 'retry-after': '100' }).end();
    const { messaging, clock, delivery, attempts } = await started();
    await attempts(1);
    const next = (await delivery())?.nextAttemptAt?.getTime() ?? 0;
    expect(next - clock.now()).toBeGreaterThanOrEqual(99_000);
    await clock.advance(98_000);
    expect(receiver.received.length).toBe(1);
    receiver.answer = (response) => void response.writeHead(204).end();
    await clock.advance(15_000);
    await attempts(2);
    expect((await delivery())?.status).toBe('delivered');
    await messaging.close();
  });

  it('that is refused for good is dead at once', async () => {
    receiver.answer = (response) => void response.writeHead(410).end();
    const { messaging, delivery, attempts } = await started();
    await attempts(1);
    expect(await delivery()).toMatchObject({ status: 'dead', attempts: 1 });
    await messaging.close();
  });

  it('to a dead host does not hold up the others', async () => {
    const silent = await startReceiver();
    silent.answer = () => {};
    const { messaging, admin } = pipeline({
      webhooks: { secrets: [SECRET], concurrency: 6, perHost: 3, timeout: '60s' },
    });
    await messaging.init();
    messaging.start();
    for (let i = 0; i < 20; i += 1)
      await messaging.accept({ clientId: `s${i}`, text: 'hello', webhookUrl: silent.url });
    for (let i = 0; i < 20; i += 1)
      await messaging.accept({ clientId: `r${i}`, text: 'hello', webhookUrl: receiver.url });
    await eventually(() => receiver.received.length).toBe(20);
    expect((await admin.counts()).deliveries).toMatchObject({ sending: 3, pending: 17 });
    await messaging.close({ deadline: 0 });
    await silent.close();
  });
});

describe('closing', () => {
  it('refuses more, finishes what is in hand, and may be repeated', async () => {
    const { messaging, admin } = pipeline();
    await messaging.init();
    messaging.start();
    let answer = (): void => {};
    receiver.answer = (response) => {
      answer = () => void response.writeHead(204).end();
    };
    const { message } = await messaging.accept({
      clientId: 'ann',
      text: 'hello',
      webhookUrl: receiver.url,
    });
    await eventually(() => receiver.received.length).toBe(1);
    const closing = messaging.close();
    await expect(messaging.accept({ clientId: 'ann', text: 'more' })).rejects.toMatchObject({
      code: 'MESSAGING_CLOSED',
    });
    answer();
    expect(await closing).toMatchObject({ drained: true });
    expect(await messaging.close()).toBe(await closing);
    expect((await admin.getMessage(message.id)).delivery?.status).toBe('delivered');
    expect((await messaging.health()).status).toBe('unhealthy');
  });

  it('at the deadline ends attempts and leaves them to be tried again', async () => {
    const { messaging, admin } = pipeline();
    await messaging.init();
    messaging.start();
    receiver.answer = () => {};
    const { message } = await messaging.accept({
      clientId: 'ann',
      text: 'hello',
      webhookUrl: receiver.url,
    });
    await eventually(() => receiver.received.length).toBe(1);
    expect(await messaging.close({ deadline: 20 })).toMatchObject({ drained: false });
    const id = (await admin.getMessage(message.id)).delivery?.id ?? '';
    expect(await admin.getDelivery(id)).toMatchObject({ status: 'retrying', attempts: 1 });
    expect((await admin.listAttempts(id)).items[0]?.errorCode).toBe('SHUTDOWN');
  });
});

describe('roles', () => {
  it('one process accepts, another works', async () => {
    const store = memoryStore();
    const front = pipeline({ store, role: 'accept' });
    const back = pipeline({ store, role: 'work' });
    await front.messaging.init();
    front.messaging.start();
    back.messaging.start();
    await front.messaging.accept({ clientId: 'ann', text: 'hello', webhookUrl: receiver.url });
    await eventually(() => receiver.received.length).toBe(1);
    expect(front.messaging.stats()).toMatchObject({ accepted: 1, responded: 0 });
    expect(back.messaging.stats()).toMatchObject({ accepted: 0, responded: 1 });
    await Promise.all([front.messaging.close(), back.messaging.close()]);
  });
});

describe('options', () => {
  it.each([
    ['webhooks.secrets', { webhooks: { secrets: [] } }],
    ['webhooks.secrets[0]', { webhooks: { secrets: ['whsec_short'] } }],
    ['webhooks.timeout', { webhooks: { secrets: [SECRET], timeout: 'soon' } }],
    [
      'webhooks.retry.schedule[1]',
      { webhooks: { secrets: [SECRET], retry: { schedule: ['1s', 'x'] } } },
    ],
    ['webhooks.concurrency', { webhooks: { secrets: [SECRET], concurrency: 0 } }],
    ['minConfidence', { minConfidence: 2 }],
    ['role', { role: 'boss' }],
    ['store', { store: undefined }],
    ['maxBacklog', { maxBacklog: 1.5 }],
  ])('%s is named when it is wrong', (option, fields) => {
    const options = { store: memoryStore(), webhooks: { secrets: [SECRET] }, ...fields };
    expect(() => createMessaging(options as never)).toThrow(`\`${option}\``);
  });

  it('never show a secret in an error', () => {
    const make = () =>
      createMessaging({ store: memoryStore(), webhooks: { secrets: ['whsec_my-secret!'] } });
    expect(make).toThrow(/^(?!.*my-secret)/);
  });
});

describe('a message whose processes keep dying', () => {
  const claimAndDie = async (store: MessagingStore, times: number) => {
    for (let i = 0; i < times; i += 1) {
      await store.claimMessages({ limit: 100, leaseMs: 0 });
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  };

  it('is answered all the same, together with its neighbours', async () => {
    const store = memoryStore();
    const { messaging, admin } = pipeline({ store });
    await messaging.init();
    for (let i = 0; i < 10; i += 1) await messaging.accept({ clientId: `c${i}`, text: 'hello' });
    await claimAndDie(store, 15);
    messaging.start();
    await settled(admin);
    expect((await allMessages(admin)).map(({ status }) => status)).toEqual(
      Array.from({ length: 10 }, () => 'responded'),
    );
    await messaging.close();
  });

  it('is given up after many of them', async () => {
    const store = memoryStore();
    const { messaging, admin } = pipeline({ store });
    await messaging.init();
    await messaging.accept({ clientId: 'ann', text: 'hello' });
    await claimAndDie(store, 21);
    messaging.start();
    await settled(admin);
    expect((await allMessages(admin))[0]).toMatchObject({
      status: 'failed',
      error: 'Each process that tried it died',
    });
    await messaging.close();
  });
});
