import type { MessagingStore } from '../store.js';
import {
  accepted,
  type ConformanceOptions,
  claimOne,
  LONG,
  newMessage,
  RULES,
  receipts,
  type TestRunner,
  wait,
} from './fixtures.js';

const idempotency = (key: string, fingerprint = 'f'): { key: string; fingerprint: string } => ({
  key,
  fingerprint,
});

/** Accepting: what is stored, idempotency keys, sessions. */
export function acceptSuite(
  { describe, it, expect }: TestRunner,
  { create }: ConformanceOptions,
): void {
  describe('accept', () => {
    it('keeps every field as it came', async () => {
      const store = await create();
      const message = newMessage({
        text: ' Ünïcode  "quoted" \\ 👋🏽\n{{x}} ',
        webhookUrl: 'https://example.com/a?b=c',
        platform: 'crm',
        chatId: 'c-1',
        locale: 'uk',
        metadata: { z: 1, a: [null, true, { deep: 'ё' }] },
        requestId: 'r-1',
        carrier: { traceparent: '00-a' },
      });
      const [receipt] = await accepted(store, [message]);
      const kept = await store.getMessage(message.id);
      const { clientId, text, webhookUrl, platform, chatId, locale, metadata, requestId } = message;
      expect(kept).toEqual({
        ...{ clientId, text, webhookUrl, platform, chatId, locale, metadata, requestId },
        id: message.id,
        sessionId: message.newSessionId,
        seq: 1,
        status: 'accepted',
        normalisedText: null,
        classification: null,
        escalationReason: null,
        replies: [],
        delivery: null,
        attempts: 0,
        error: null,
        createdAt: receipt?.createdAt,
        processedAt: null,
      });
      expect(JSON.stringify(kept?.metadata)).toEqual(JSON.stringify(metadata));
      expect(receipt?.createdAt instanceof Date).toEqual(true);
      expect((await claimOne(store)).carrier).toEqual({ traceparent: '00-a' });
    });

    it('numbers the messages of a session without gaps, in a batch and between batches', async () => {
      const store = await create();
      const batch = ['ann', 'bob', 'ann', 'ann', 'bob'].map((clientId) => newMessage({ clientId }));
      const first = await accepted(store, batch);
      expect(first.map(({ seq }) => seq)).toEqual([1, 1, 2, 3, 2]);
      expect(new Set(first.map(({ sessionId }) => sessionId)).size).toEqual(2);
      const [next] = await accepted(store, [newMessage({ clientId: 'ann' })]);
      expect(next?.seq).toEqual(4);
      expect(next?.sessionId).toEqual(first[0]?.sessionId);
    });

    it('opens one session for concurrent first messages', async () => {
      const store = await create();
      const results = await Promise.all(
        Array.from({ length: 20 }, () => accepted(store, [newMessage()])),
      );
      const all = results.flat();
      expect(new Set(all.map(({ sessionId }) => sessionId)).size).toEqual(1);
      expect(all.map(({ seq }) => seq).sort((a, b) => a - b)).toEqual(
        Array.from({ length: 20 }, (_, i) => i + 1),
      );
    });

    it('keeps platforms and chats of a client apart', async () => {
      const store = await create();
      const places = [
        { platform: null, chatId: null },
        { platform: 'crm', chatId: null },
        { platform: null, chatId: 'crm' },
        { platform: 'crm', chatId: '1' },
      ];
      const all = await accepted(
        store,
        places.map((place) => newMessage(place)),
      );
      expect(new Set(all.map(({ sessionId }) => sessionId)).size).toEqual(4);
    });

    it('remembers the last address of a session', async () => {
      const store = await create();
      const [one] = await accepted(store, [
        newMessage({ webhookUrl: 'https://a.example/1' }),
        newMessage({ webhookUrl: 'https://a.example/2' }),
        newMessage(),
      ]);
      const address = async (): Promise<unknown> =>
        (await store.getSession(one?.sessionId ?? ''))?.webhookUrl;
      expect(await address()).toEqual('https://a.example/2');
      await accepted(store, [newMessage()]);
      expect(await address()).toEqual('https://a.example/2');
      await accepted(store, [newMessage({ webhookUrl: 'https://a.example/3' })]);
      expect(await address()).toEqual('https://a.example/3');
    });

    it('opens another session when the last one rested too long', async () => {
      const store = await create();
      const short = { ...RULES, sessionTimeoutMs: 20 };
      const [first] = receipts(await store.accept([newMessage()], short));
      await wait(40);
      const [second, third] = receipts(await store.accept([newMessage(), newMessage()], short));
      expect(second?.sessionId === first?.sessionId).toEqual(false);
      expect(third?.sessionId).toEqual(second?.sessionId);
      expect([second?.seq, third?.seq]).toEqual([1, 2]);
    });

    it('answers an empty batch', async () => {
      expect(await (await create()).accept([], RULES)).toEqual([]);
    });
  });

  describe('idempotency keys', () => {
    it('give the same receipt for the same input', async () => {
      const store = await create();
      const first = await store.accept([newMessage({ idempotency: idempotency('k') })], RULES);
      const again = await store.accept([newMessage({ idempotency: idempotency('k') })], RULES);
      expect(first.map(({ kind }) => kind)).toEqual(['accepted']);
      expect(again).toEqual([{ kind: 'replayed', message: receipts(first)[0] }]);
      expect(await messagesOf(store)).toEqual(1);
    });

    it('give the same receipt after the message was processed', async () => {
      const store = await create();
      const [first] = receipts(
        await store.accept([newMessage({ idempotency: idempotency('k') })], RULES),
      );
      await store.claimMessages({ limit: 1, leaseMs: LONG });
      const [again] = await store.accept([newMessage({ idempotency: idempotency('k') })], RULES);
      expect(again).toEqual({ kind: 'replayed', message: first });
    });

    it('refuse another input and store nothing', async () => {
      const store = await create();
      const first = newMessage({ idempotency: idempotency('k') });
      await store.accept([first], RULES);
      const other = newMessage({
        webhookUrl: 'https://b.example',
        idempotency: idempotency('k', 'g'),
      });
      expect(await store.accept([other], RULES)).toEqual([
        { kind: 'mismatch', messageId: first.id },
      ]);
      expect(await messagesOf(store)).toEqual(1);
      expect((await store.getSession(first.newSessionId))?.webhookUrl).toEqual(null);
    });

    it('belong to a client', async () => {
      const store = await create();
      const keyed = (clientId: string) => newMessage({ clientId, idempotency: idempotency('k') });
      const outcomes = await store.accept([keyed('ann'), keyed('bob')], RULES);
      expect(outcomes.map(({ kind }) => kind)).toEqual(['accepted', 'accepted']);
    });

    it('make one message of concurrent duplicates, in one batch and in many', async () => {
      const store = await create();
      const duplicate = () => newMessage({ idempotency: idempotency('k') });
      const batches = Array.from({ length: 10 }, () => [duplicate(), duplicate()]);
      const outcomes = (
        await Promise.all(batches.map((batch) => store.accept(batch, RULES)))
      ).flat();
      expect(outcomes.filter(({ kind }) => kind === 'accepted').length).toEqual(1);
      expect(outcomes.filter(({ kind }) => kind === 'replayed').length).toEqual(19);
      expect(new Set(receipts(outcomes).map(({ id }) => id)).size).toEqual(1);
      expect(await messagesOf(store)).toEqual(1);
    });

    it('do no harm to the others of their batch', async () => {
      const store = await create();
      await store.accept([newMessage({ idempotency: idempotency('k') })], RULES);
      const outcomes = await store.accept(
        [
          newMessage(),
          newMessage({ idempotency: idempotency('k', 'other') }),
          newMessage({ idempotency: idempotency('k') }),
          newMessage({ idempotency: idempotency('new') }),
        ],
        RULES,
      );
      expect(outcomes.map(({ kind }) => kind)).toEqual([
        'accepted',
        'mismatch',
        'replayed',
        'accepted',
      ]);
    });

    it('run out', async () => {
      const store = await create();
      const short = { ...RULES, idempotencyTtlMs: 10 };
      const keyed = (fingerprint: string) =>
        newMessage({ idempotency: idempotency('k', fingerprint) });
      await store.accept([keyed('a')], short);
      await wait(30);
      const [second] = await store.accept([keyed('b')], short);
      expect(second?.kind).toEqual('accepted');
      await wait(30);
      expect(await store.prune()).toEqual({ idempotencyKeys: 1 });
      expect(await store.prune()).toEqual({ idempotencyKeys: 0 });
    });
  });
}

const messagesOf = async (store: MessagingStore): Promise<number> =>
  (await store.listMessages({}, { limit: 100, after: null })).items.length;
