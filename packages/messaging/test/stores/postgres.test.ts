import type { SqlDatabase } from '@holdfast/sql';
import { testDatabases } from '@holdfast/sql/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  createMessaging,
  type Messaging,
  MessagingAdmin,
  type MessagingOptions,
  type MessagingStore,
} from '../../src/index.js';
import { postgresStore } from '../../src/stores/postgres.js';
import {
  claimDeliveries,
  LONG,
  newMessage,
  processed,
  RULES,
  settlement,
} from '../../src/testing/fixtures.js';
import { eventually } from '../support/eventually.js';
import { allMessages, settled } from '../support/pipeline.js';
import { type Receiver, SECRET, startReceiver } from '../support/receiver.js';

function withResolver(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((resolver) => {
    resolve = resolver;
  });
  return { promise, resolve };
}

for (const engine of testDatabases()) {
  describe.skipIf(!engine.available)(`Postgres store on ${engine.name}`, () => {
    let db: SqlDatabase;
    let receiver: Receiver;
    let schema = 0;
    const open: Messaging[] = [];

    beforeAll(async () => {
      db = await engine.open();
    });
    afterAll(() => db?.close());
    beforeEach(async () => {
      receiver = await startReceiver();
      schema += 1;
    });
    afterEach(async () => {
      await Promise.all(open.splice(0).map((messaging) => messaging.close()));
      await receiver.close();
    });

    const store = (): MessagingStore => postgresStore(db, { schema: `m${schema}` });
    async function start(options: Partial<MessagingOptions> = {}) {
      const messaging = createMessaging({
        store: store(),
        ...options,
        webhooks: { secrets: [SECRET], allowNetworks: ['127.0.0.0/8'], ...options.webhooks },
      });
      open.push(messaging);
      await messaging.init();
      messaging.start();
      return { messaging, admin: new MessagingAdmin(messaging) };
    }

    it('two workers process each message once, and greet each session once', async () => {
      const [one, two] = await Promise.all([start(), start()]);
      const clients = Array.from({ length: 60 }, (_, i) => `client-${i % 20}`);
      await Promise.all(
        clients.map((clientId, i) =>
          (i % 2 === 0 ? one : two).messaging.accept(
            { clientId, text: `my card ${i}`, webhookUrl: receiver.url },
            { idempotencyKey: `k-${i}` },
          ),
        ),
      );
      await settled(one.admin);
      const messages = await allMessages(one.admin);
      expect(messages.map(({ status }) => status)).toEqual(messages.map(() => 'responded'));
      expect(messages.length).toBe(60);
      const greetings = messages.filter(({ replies }) =>
        replies.some(({ purpose }) => purpose === 'greeting'),
      );
      expect(greetings.map(({ seq }) => seq)).toEqual(Array.from({ length: 20 }, () => 1));
      expect(one.messaging.stats().responded + two.messaging.stats().responded).toBe(60);
      expect(receiver.received.map(({ id }) => id).sort()).toEqual(
        messages.map(({ delivery }) => delivery?.id).sort(),
      );
    });

    it('one process hears at once of what another accepted', async () => {
      await start({ pollInterval: '1h', role: 'work' });
      const front = await start({ role: 'accept' });
      await front.messaging.accept({ clientId: 'ann', text: 'hello', webhookUrl: receiver.url });
      await eventually(() => receiver.received.length).toBe(1);
    });

    it('takes a small number of statements for a batch, the same for one message as for many', async () => {
      const made = store();
      await made.init();
      let statements = 0;
      const stop = db.on('query', () => {
        statements += 1;
      });
      const counted = async <T>(run: () => Promise<T>): Promise<[number, T]> => {
        const before = statements;
        const result = await run();
        return [statements - before, result];
      };
      const round = async (size: number): Promise<number[]> => {
        const batch = Array.from({ length: size }, (_, i) =>
          newMessage({
            clientId: `${size}-${i % 7}`,
            webhookUrl: 'https://a.example/',
            idempotency: { key: `${size}-${i}`, fingerprint: 'f' },
          }),
        );
        const [accept] = await counted(() => made.accept(batch, RULES));
        const [replay] = await counted(() => made.accept(batch, RULES));
        const counts = [accept, replay];
        for (;;) {
          const [claim, claimed] = await counted(() =>
            made.claimMessages({ limit: 500, leaseMs: LONG }),
          );
          if (claimed.length === 0) break;
          const [commit] = await counted(() =>
            made.commit(claimed.map((item) => processed(item, { tasks: [] }))),
          );
          counts.push(claim, commit);
        }
        const [claim, deliveries] = await counted(() =>
          claimDeliveries(made, { limit: 500, perHost: 500 }),
        );
        const [settle] = await counted(() =>
          made.settleDeliveries(deliveries.map((item) => settlement(item))),
        );
        expect(deliveries.length).toBe(size);
        return [...counts, claim, settle];
      };
      const one = await round(1);
      const many = await round(7);
      stop();
      expect(many).toEqual(one);
      expect(Math.max(...many)).toBeLessThanOrEqual(7);
    });

    it('enqueues the task of an escalation in the transaction of the reply', async () => {
      await db.exec(
        `create table if not exists tasks_${schema} (name text, key text unique, payload jsonb)`,
      );
      let fail = true;
      const { messaging, admin } = await start({
        tasks: {
          async enqueue(tasks, { tx }) {
            for (const { name, idempotencyKey, payload } of tasks) {
              await tx?.query(`insert into tasks_${schema} values ($1, $2, $3)`, [
                name,
                idempotencyKey ?? null,
                JSON.stringify(payload),
              ]);
            }
            if (fail) {
              fail = false;
              throw new Error('after writing');
            }
          },
        },
      });
      const { message } = await messaging.accept({
        clientId: 'ann',
        text: 'I want a human operator',
      });
      await settled(admin);
      const { rows } = await db.query<{ name: string; key: string; payload: object }>(
        `select * from tasks_${schema}`,
      );
      expect(rows).toMatchObject([
        {
          name: 'escalation.notify',
          key: `escalation:${message.id}`,
          payload: { message_id: message.id, reason: 'scenario' },
        },
      ]);
      expect(await admin.getMessage(message.id)).toMatchObject({
        status: 'escalated',
        attempts: 2,
      });
    });

    it('changes templates with the transaction they are given, in every process', async () => {
      const [one, two] = await Promise.all([start(), start({ role: 'work' })]);
      const answer = async (clientId: string): Promise<string | undefined> => {
        const { message } = await one.messaging.accept({ clientId, text: 'hello' });
        await settled(one.admin);
        return (await one.admin.getMessage(message.id)).replies[0]?.text;
      };
      const before = await one.admin.listTemplates();
      await db
        .transaction(async (tx) => {
          await one.admin.putTemplate({ key: 'greeting', locale: 'en', body: 'never' }, { tx });
          throw new Error('no');
        })
        .catch(() => {});
      expect(await answer('a')).toBe('Hello! Thank you for writing to us.');
      await db.transaction(async (tx) => {
        await one.admin.putTemplate(
          { key: 'greeting', locale: 'en', body: 'Hi {{ client_id }}' },
          { tx },
        );
        expect(
          (await one.admin.listTemplates({ tx })).find(({ body }) => body.startsWith('Hi'))
            ?.version,
        ).toBe(2);
      });
      await eventually(() => answer(`b${Math.random()}`)).toMatch(/^Hi b/);
      await two.admin.replaceTemplates(before);
      await eventually(() => answer(`c${Math.random()}`)).toBe(
        'Hello! Thank you for writing to us.',
      );
    });

    it.each([`a\u0000b ${'x'.repeat(600)}`, `${'x'.repeat(499)}👋`])(
      'keeps the error of a failed message, whatever its text holds',
      async (text) => {
        const { messaging, admin } = await start({
          maxAttempts: 1,
          pollInterval: 20,
          tasks: { enqueue: () => Promise.reject(new Error(text)) },
        });
        const { message } = await messaging.accept({ clientId: 'ann', text: 'operator please' });
        await eventually(async () => (await admin.getMessage(message.id)).status).toBe('failed');
        const { error } = await admin.getMessage(message.id);
        expect(error?.length).toBe(500);
        expect(error).toContain('\ufffd');
      },
    );

    it.runIf(engine.name === 'postgres')(
      'goes on while somebody holds a session, which fails only the messages of that one',
      async () => {
        const made = store();
        await made.init();
        const held = newMessage({ clientId: 'held' });
        await made.accept([held], RULES);
        const locked = withResolver();
        const released = withResolver();
        const frozen = db.transaction(async (tx) => {
          await tx.query(`select 1 from m${schema}.messaging_sessions for update`);
          locked.resolve();
          await released.promise;
        });
        await locked.promise;
        const clients = ['ann', 'held', 'bob', 'held', 'eve'];
        const results = await Promise.allSettled(
          clients.map((clientId) => made.accept([newMessage({ clientId })], RULES)),
        );
        released.resolve();
        await frozen;
        expect(results.map(({ status }) => status)).toEqual(
          clients.map((client) => (client === 'held' ? 'rejected' : 'fulfilled')),
        );
        expect(results[1]).toMatchObject({ reason: { code: 'SQL_TIMEOUT' } });
        const [after] = await made.accept([newMessage({ clientId: 'held' })], RULES);
        expect(after).toMatchObject({ kind: 'accepted', message: { seq: 2 } });
      },
    );

    it('writes nothing when another instance has taken the message since', async () => {
      const made = store();
      await made.init();
      await made.accept([newMessage({ webhookUrl: 'https://a.example/' })], RULES);
      const [late] = await made.claimMessages({ limit: 1, leaseMs: 0 });
      await new Promise((resolve) => setTimeout(resolve, 5));
      const [now] = await made.claimMessages({ limit: 1, leaseMs: LONG });
      if (late === undefined || now === undefined)
        throw new Error('Expected the same message twice');
      const outcomes = await Promise.all([
        made.commit([processed(late)]),
        made.commit([processed(now)]),
      ]);
      expect(outcomes).toEqual([['stale'], ['committed']]);
      expect((await made.listDeliveries({}, { limit: 9, after: null })).items.length).toBe(1);
    });
  });
}
