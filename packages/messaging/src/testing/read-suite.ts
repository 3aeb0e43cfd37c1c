import type { WakeTopic } from '../store.js';
import {
  accepted,
  type ConformanceOptions,
  claimDeliveries,
  newMessage,
  settlement,
  type TestRunner,
  wait,
  withDeliveries,
} from './fixtures.js';

const NOBODY = '019b3f6e-2c11-7d4e-8a2b-5f0c9e7d1a34';

/** Reading, templates and hints. */
export function readSuite(
  { describe, it, expect }: TestRunner,
  { create }: ConformanceOptions,
): void {
  describe('reading', () => {
    it('pages through messages, newest first, whatever comes in meanwhile', async () => {
      const store = await create();
      const all = await accepted(
        store,
        Array.from({ length: 7 }, () => newMessage()),
      );
      const seen: string[] = [];
      let after: string | null = null;
      do {
        const page: { items: readonly { id: string }[]; nextCursor: string | null } =
          await store.listMessages({}, { limit: 3, after });
        seen.push(...page.items.map(({ id }) => id));
        after = page.nextCursor;
        await accepted(store, [newMessage()]);
      } while (after !== null);
      expect(seen).toEqual(all.map(({ id }) => id).reverse());
    });

    it('filters messages', async () => {
      const store = await create();
      const [ann] = await accepted(store, [
        newMessage({ clientId: 'ann' }),
        newMessage({ clientId: 'bob' }),
      ]);
      const page = { limit: 10, after: null };
      const ids = async (filter: object): Promise<number> =>
        (await store.listMessages(filter, page)).items.length;
      expect([
        await ids({ clientId: 'ann' }),
        await ids({ sessionId: ann?.sessionId }),
        await ids({ status: 'accepted' }),
        await ids({ status: 'failed' }),
      ]).toEqual([1, 1, 2, 0]);
    });

    it('pages through deliveries and attempts', async () => {
      const store = await create();
      await withDeliveries(
        store,
        Array.from({ length: 3 }, () => 'https://a.example/'),
      );
      const first = await store.listDeliveries({ status: 'pending' }, { limit: 2, after: null });
      const rest = await store.listDeliveries(
        { status: 'pending' },
        { limit: 2, after: first.nextCursor },
      );
      expect([first.items.length, rest.items.length, rest.nextCursor]).toEqual([2, 1, null]);
      const messageId = first.items[0]?.messageId ?? '';
      expect(
        (await store.listDeliveries({ messageId }, { limit: 5, after: null })).items.length,
      ).toEqual(1);
      for (let n = 1; n <= 3; n += 1) {
        const [claimed] = await claimDeliveries(store, { limit: 1 });
        if (claimed !== undefined)
          await store.settleDeliveries([settlement(claimed, { outcome: 'retrying' })]);
      }
      const [busiest] = (await store.listDeliveries({}, { limit: 9, after: null })).items.filter(
        ({ attempts }) => attempts > 0,
      );
      const page = await store.listAttempts(busiest?.id ?? '', { limit: 1, after: null });
      expect(page.items.map(({ n }) => n)).toEqual([1]);
    });

    it('knows nothing of what is not there', async () => {
      const store = await create();
      expect([
        await store.getMessage(NOBODY),
        await store.getDelivery(NOBODY),
        await store.getSession(NOBODY),
      ]).toEqual([null, null, null]);
      expect((await store.listAttempts(NOBODY, { limit: 5, after: null })).items).toEqual([]);
    });
  });

  describe('templates', () => {
    const template = (key: string, locale: string, body: string) => ({ key, locale, body });

    it('are written, raised in version, left alone when only missing ones are asked for', async () => {
      const store = await create();
      const [one] = await store.putTemplates([template('a', 'en', 'one')]);
      expect([one?.version, one?.updatedAt instanceof Date]).toEqual([1, true]);
      const [two] = await store.putTemplates([template('a', 'en', 'two')]);
      expect([two?.version, two?.body]).toEqual([2, 'two']);
      const written = await store.putTemplates(
        [template('a', 'en', 'x'), template('a', 'uk', 'y')],
        { onlyMissing: true },
      );
      expect(written.map(({ locale }) => locale)).toEqual(['uk']);
      const all = await store.listTemplates();
      expect(all.map(({ key, locale, body }) => [key, locale, body])).toEqual([
        ['a', 'en', 'two'],
        ['a', 'uk', 'y'],
      ]);
    });

    it('are replaced as a whole', async () => {
      const store = await create();
      await store.putTemplates([
        template('a', 'en', '1'),
        template('b', 'en', '2'),
        template('c', 'en', '3'),
      ]);
      await store.replaceTemplates([
        template('a', 'en', '1'),
        template('b', 'en', 'new'),
        template('d', 'en', '4'),
      ]);
      const all = await store.listTemplates();
      expect(all.map(({ key, body, version }) => [key, body, version])).toEqual([
        ['a', '1', 1],
        ['b', 'new', 2],
        ['d', '4', 1],
      ]);
    });
  });

  describe('hints', () => {
    it('are heard until the listener is closed', async () => {
      const store = await create();
      const heard: WakeTopic[] = [];
      const subscription = await store.onWake((topic) => heard.push(topic));
      await store.wake('messages');
      await store.wake('templates');
      for (let i = 0; i < 1_000 && heard.length < 2; i += 1) await wait(10);
      await subscription.close();
      await store.wake('deliveries');
      await wait(20);
      expect(heard).toEqual(['messages', 'templates']);
    });
  });
}
