import { uuidv7 } from '../uuid.js';
import {
  accepted,
  type ConformanceOptions,
  claimOne,
  LONG,
  newMessage,
  processed,
  type TestRunner,
  wait,
} from './fixtures.js';

/** Processing: leases, order, and one transaction for all that a message changes. */
export function processSuite(
  { describe, it, expect }: TestRunner,
  options: ConformanceOptions,
): void {
  const { create, capabilities } = options;

  describe('claiming messages', () => {
    it('gives each message to one taker', async () => {
      const store = await create();
      await accepted(
        store,
        Array.from({ length: 30 }, (_, i) => newMessage({ clientId: `c${i}` })),
      );
      const takers = await Promise.all(
        Array.from({ length: 6 }, () => store.claimMessages({ limit: 10, leaseMs: LONG })),
      );
      const rest = await store.claimMessages({ limit: 100, leaseMs: LONG });
      const ids = [...takers.flat(), ...rest].map(({ message }) => message.id);
      expect(ids.length).toEqual(30);
      expect(new Set(ids).size).toEqual(30);
    });

    it('gives of a session only the earliest unfinished message', async () => {
      const store = await create();
      const [first, second] = await accepted(store, [newMessage(), newMessage()]);
      const [claimed, ...others] = await store.claimMessages({ limit: 10, leaseMs: LONG });
      expect([claimed?.message.id, others.length]).toEqual([first?.id, 0]);
      expect(await store.claimMessages({ limit: 10, leaseMs: LONG })).toEqual([]);
      if (claimed !== undefined) await store.commit([processed(claimed)]);
      const next = await claimOne(store);
      expect(next.message.id).toEqual(second?.id);
      expect(next.session.greetedAt instanceof Date).toEqual(true);
      expect(next.session.locale).toEqual('en');
    });

    it('says what it took', async () => {
      const store = await create();
      await accepted(store, [newMessage({ webhookUrl: 'https://a.example', platform: 'crm' })]);
      const { message, session, epoch } = await claimOne(store);
      expect([message.status, message.attempts, epoch]).toEqual(['processing', 1, 1]);
      expect([
        session.clientId,
        session.platform,
        session.webhookUrl,
        session.greetedAt,
        session.fallbacks,
      ]).toEqual(['ann', 'crm', 'https://a.example', null, 0]);
      expect((await store.getMessage(message.id))?.status).toEqual('processing');
    });

    it('takes a message again when its lease ended, and refuses the result of who held it', async () => {
      const store = await create();
      await accepted(store, [newMessage()]);
      const late = await claimOne(store, 1);
      await wait(20);
      const second = await claimOne(store);
      expect([late.lost, second.lost]).toEqual([0, 1]);
      expect([second.message.id, second.epoch, second.message.attempts]).toEqual([
        late.message.id,
        2,
        1,
      ]);
      expect(await store.commit([processed(late)])).toEqual(['stale']);
      expect((await store.getMessage(late.message.id))?.replies).toEqual([]);
      expect(await store.commit([processed(second)])).toEqual(['committed']);
      expect(await store.commit([processed(second)])).toEqual(['stale']);
    });

    it('takes the result of an ended lease that nobody took over', async () => {
      const store = await create();
      await accepted(store, [newMessage()]);
      const late = await claimOne(store, 1);
      await wait(20);
      expect(await store.commit([processed(late)])).toEqual(['committed']);
    });

    it('takes messages back, with and without counting the try', async () => {
      const store = await create();
      const [receipt] = await accepted(store, [newMessage()]);
      const claimed = await claimOne(store);
      const release = {
        messageId: claimed.message.id,
        epoch: claimed.epoch,
        delayMs: 0,
        counts: false,
        error: null,
      };
      await store.releaseMessages([{ ...release, epoch: 99 }]);
      expect(await store.claimMessages({ limit: 1, leaseMs: LONG })).toEqual([]);
      await store.releaseMessages([release]);
      const again = await claimOne(store);
      expect(again.message.attempts).toEqual(1);
      await store.releaseMessages([
        { ...release, epoch: again.epoch, delayMs: LONG, counts: true, error: 'why' },
      ]);
      expect(await store.claimMessages({ limit: 1, leaseMs: LONG })).toEqual([]);
      const kept = await store.getMessage(receipt?.id ?? '');
      expect([kept?.status, kept?.attempts, kept?.error]).toEqual(['accepted', 1, 'why']);
    });

    it('counts the backlog up to a limit', async () => {
      const store = await create();
      await accepted(
        store,
        Array.from({ length: 5 }, () => newMessage()),
      );
      expect([await store.backlog(3), await store.backlog(10)]).toEqual([3, 5]);
      await store.commit([processed(await claimOne(store))]);
      expect(await store.backlog(10)).toEqual(4);
    });
  });

  describe('committing messages', () => {
    it('writes replies, delivery and session together', async () => {
      const store = await create();
      await accepted(store, [newMessage({ webhookUrl: 'https://a.example/x', requestId: 'r' })]);
      const claimed = await claimOne(store);
      const item = processed(claimed);
      await store.commit([item]);
      const message = await store.getMessage(claimed.message.id);
      expect([message?.status, message?.locale, message?.normalisedText]).toEqual([
        'responded',
        'en',
        'hello',
      ]);
      expect(message?.classification).toEqual({
        category: 'BILLING',
        confidence: 0.75,
        source: 'rules',
        cached: false,
      });
      expect(message?.replies).toEqual(item.replies);
      expect(message?.delivery).toEqual({ id: item.delivery?.id, status: 'pending' });
      expect(message?.processedAt instanceof Date).toEqual(true);
      expect((await store.getSession(claimed.session.id))?.greetedAt instanceof Date).toEqual(true);
    });

    it('keeps a delivery that has nowhere to go', async () => {
      const store = await create();
      await accepted(store, [newMessage()]);
      const item = processed(await claimOne(store));
      await store.commit([item]);
      expect((await store.getDelivery(item.delivery?.id ?? ''))?.status).toEqual('no_destination');
      expect(
        await store.claimDeliveries({ limit: 9, leaseMs: LONG, perHost: 9, held: {} }),
      ).toEqual([]);
    });

    it('keeps a failure where it can be seen', async () => {
      const store = await create();
      await accepted(store, [newMessage()]);
      const claimed = await claimOne(store);
      const failure = {
        status: 'failed',
        error: 'no good',
        replies: [],
        delivery: null,
        session: null,
        classification: null,
      } as const;
      await store.commit([processed(claimed, failure)]);
      const kept = await store.getMessage(claimed.message.id);
      expect([kept?.status, kept?.error, kept?.delivery]).toEqual(['failed', 'no good', null]);
      expect((await store.counts()).messages).toEqual({ accepted: 0, processing: 0, failed: 1 });
    });

    it('enqueues the tasks of what is committed, and of nothing else', async () => {
      const store = await create();
      await accepted(store, [newMessage({ clientId: 'a' }), newMessage({ clientId: 'b' })]);
      const claimed = await store.claimMessages({ limit: 2, leaseMs: LONG });
      const task = (name: string) => ({ name, payload: { n: 1 } });
      const items = claimed.map((item, i) => processed(item, { tasks: [task(`t${i}`)] }));
      const stale = items.map((item, i) => (i === 1 ? { ...item, epoch: 7 } : item));
      const names: string[] = [];
      const outcomes = await store.commit(stale, async (tasks) => {
        names.push(...tasks.map(({ name }) => name));
      });
      expect(outcomes).toEqual(['committed', 'stale']);
      expect(names).toEqual(['t0']);
    });

    it('writes nothing when a task cannot be enqueued, and lets the others of the batch through', async () => {
      const store = await create();
      await accepted(store, [newMessage({ clientId: 'a' }), newMessage({ clientId: 'b' })]);
      const claimed = await store.claimMessages({ limit: 2, leaseMs: LONG });
      const [good, bad] = claimed.map((item) =>
        processed(item, { tasks: [{ name: item.message.clientId, payload: {} }] }),
      );
      if (good === undefined || bad === undefined) throw new Error('Expected two messages');
      const enqueue = async (tasks: readonly { name: string }[]): Promise<void> => {
        if (tasks.some(({ name }) => name === bad.clientId)) throw new Error('queue full');
      };
      const results = await Promise.allSettled([
        store.commit([good], enqueue),
        store.commit([bad], enqueue),
      ]);
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
      const kept = await store.getMessage(bad.messageId);
      expect([kept?.status, kept?.replies, kept?.delivery]).toEqual(['processing', [], null]);
      expect((await store.getMessage(good.messageId))?.status).toEqual('responded');
    });

    if (capabilities?.transactions === undefined || capabilities.transactions === true) {
      it('refuses a second greeting in a session, whatever the code does', async () => {
        const store = await create();
        await accepted(store, [newMessage(), newMessage()]);
        await store.commit([processed(await claimOne(store))]);
        const second = await claimOne(store);
        const greeting = {
          id: uuidv7(),
          purpose: 'greeting',
          text: 'Hi',
          locale: 'en',
          template: 't',
        } as const;
        const result = await Promise.allSettled([
          store.commit([processed(second, { replies: [greeting] })]),
        ]);
        expect(result[0]?.status).toEqual('rejected');
        expect((await store.getMessage(second.message.id))?.status).toEqual('processing');
      });
    }
  });
}
