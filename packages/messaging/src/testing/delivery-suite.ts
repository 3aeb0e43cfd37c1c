import {
  type ConformanceOptions,
  claimDeliveries,
  claimDelivery,
  settlement,
  type TestRunner,
  wait,
  withDeliveries,
} from './fixtures.js';

const URL_A = 'https://a.example/hook';

/** Delivering: leases, fairness, results, replay. */
export function deliverySuite(
  { describe, it, expect }: TestRunner,
  { create }: ConformanceOptions,
): void {
  describe('claiming deliveries', () => {
    it('gives each delivery to one taker, with the body as it was written', async () => {
      const store = await create();
      await withDeliveries(
        store,
        Array.from({ length: 20 }, () => URL_A),
      );
      const takers = await Promise.all(
        Array.from({ length: 5 }, () => claimDeliveries(store, { limit: 5 })),
      );
      const claimed = [...takers.flat(), ...(await claimDeliveries(store))];
      expect(claimed.length).toEqual(20);
      expect(new Set(claimed.map(({ delivery }) => delivery.id)).size).toEqual(20);
      const { url, host, body, carrier, epoch, attempt, tryNumber, trigger, delivery } =
        claimed[0] ?? fail();
      expect({ url, host, body, carrier, epoch, attempt, tryNumber, trigger }).toEqual({
        url: URL_A,
        host: 'a.example',
        body: '{"é":1}',
        carrier: { traceparent: 't' },
        epoch: 1,
        attempt: 1,
        tryNumber: 1,
        trigger: 'schedule',
      });
      expect((await store.getDelivery(delivery.id))?.status).toEqual('sending');
    });

    it('is fair: no host gets more than its share, held ones counted', async () => {
      const store = await create();
      await withDeliveries(store, [
        ...Array.from({ length: 8 }, () => URL_A),
        'https://b.example/',
        'https://c.example/',
      ]);
      const held = { 'a.example': 1, 'c.example': 3 };
      const claimed = await claimDeliveries(store, { limit: 10, perHost: 3, held });
      expect(claimed.map(({ host }) => host).sort()).toEqual([
        'a.example',
        'a.example',
        'b.example',
      ]);
    });

    it('keeps to the limit, the longest due first', async () => {
      const store = await create();
      await withDeliveries(store, ['https://z.example/']);
      await wait(5);
      await withDeliveries(store, [URL_A, URL_A]);
      const claimed = await claimDeliveries(store, { limit: 2 });
      expect(claimed.map(({ host }) => host).sort()).toEqual(['a.example', 'z.example']);
    });

    it('gives every host its turn before one gets its next, held ones counted', async () => {
      const store = await create();
      await withDeliveries(store, [URL_A, URL_A, URL_A, URL_A]);
      await wait(5);
      await withDeliveries(store, ['https://b.example/', 'https://c.example/']);
      const first = await claimDeliveries(store, { limit: 3 });
      expect(first.map(({ host }) => host).sort()).toEqual(['a.example', 'b.example', 'c.example']);
      await withDeliveries(store, ['https://b.example/', 'https://b.example/']);
      const held = { 'a.example': 2 };
      const next = await claimDeliveries(store, { limit: 2, held });
      expect(next.map(({ host }) => host)).toEqual(['b.example', 'b.example']);
    });

    it('takes a delivery again when its lease ended, and notes the lost attempt', async () => {
      const store = await create();
      await withDeliveries(store, [URL_A]);
      const late = await claimDelivery(store, 1);
      await wait(20);
      const second = await claimDelivery(store);
      expect([second.delivery.id, second.epoch, second.attempt, second.tryNumber]).toEqual([
        late.delivery.id,
        2,
        2,
        2,
      ]);
      expect(await store.settleDeliveries([settlement(late)])).toEqual([false]);
      expect(await store.settleDeliveries([settlement(second)])).toEqual([true]);
      const { items } = await store.listAttempts(late.delivery.id, { limit: 10, after: null });
      expect(
        items.map(({ n, errorCode, httpStatus, durationMs }) => [
          n,
          errorCode,
          httpStatus,
          durationMs,
        ]),
      ).toEqual([
        [1, 'UNKNOWN', null, null],
        [2, null, 204, 12],
      ]);
    });

    it('takes deliveries back without counting the try', async () => {
      const store = await create();
      await withDeliveries(store, [URL_A]);
      const first = await claimDelivery(store);
      await store.releaseDeliveries([{ deliveryId: first.delivery.id, epoch: first.epoch }]);
      expect((await store.getDelivery(first.delivery.id))?.status).toEqual('pending');
      const again = await claimDelivery(store);
      expect([again.attempt, again.tryNumber, again.epoch]).toEqual([1, 1, 2]);
    });
  });

  describe('settling deliveries', () => {
    it('ends a delivery', async () => {
      const store = await create();
      await withDeliveries(store, [URL_A]);
      const claimed = await claimDelivery(store);
      expect(await store.settleDeliveries([settlement(claimed)])).toEqual([true]);
      const delivery = await store.getDelivery(claimed.delivery.id);
      expect([
        delivery?.status,
        delivery?.attempts,
        delivery?.lastHttpStatus,
        delivery?.nextAttemptAt,
      ]).toEqual(['delivered', 1, 204, null]);
      expect(delivery?.deliveredAt instanceof Date).toEqual(true);
      expect(await claimDeliveries(store)).toEqual([]);
      expect(await store.settleDeliveries([settlement(claimed)])).toEqual([false]);
    });

    it('lets a delivery rest until its next attempt', async () => {
      const store = await create();
      await withDeliveries(store, [URL_A, 'https://b.example/']);
      const [soon, later] = await claimDeliveries(store);
      if (soon === undefined || later === undefined) throw new Error('Expected two deliveries');
      const failure = {
        outcome: 'retrying',
        httpStatus: 503,
        errorCode: 'HTTP_503',
        error: 'away',
      } as const;
      await store.settleDeliveries([
        settlement(soon, { ...failure, delayMs: 10 }),
        settlement(later, { ...failure, delayMs: 60_000 }),
      ]);
      expect((await store.getDelivery(later.delivery.id))?.status).toEqual('retrying');
      await wait(30);
      const again = await claimDelivery(store);
      expect([again.delivery.id, again.attempt, again.body]).toEqual([
        soon.delivery.id,
        2,
        soon.body,
      ]);
      expect(again.delivery.lastError).toEqual('away');
    });

    it('keeps dead ones, and replays them under the same id with a new schedule', async () => {
      const store = await create();
      await withDeliveries(store, [URL_A]);
      const claimed = await claimDelivery(store);
      const id = claimed.delivery.id;
      expect(await store.replayDelivery(id)).toEqual('sending');
      await store.settleDeliveries([
        settlement(claimed, { outcome: 'dead', httpStatus: 410, errorCode: 'HTTP_410' }),
      ]);
      expect((await store.counts()).deliveries.dead).toEqual(1);
      expect(await store.replayDelivery(id)).toEqual('replayed');
      const again = await claimDelivery(store);
      expect([again.delivery.id, again.attempt, again.tryNumber, again.trigger]).toEqual([
        id,
        2,
        1,
        'replay',
      ]);
      await store.settleDeliveries([settlement(again)]);
      const { items } = await store.listAttempts(id, { limit: 10, after: null });
      expect(items.map(({ trigger }) => trigger)).toEqual(['schedule', 'replay']);
      expect((await store.counts()).deliveries).toEqual({
        pending: 0,
        sending: 0,
        retrying: 0,
        dead: 0,
      });
    });

    it('does not replay what is not there or goes nowhere', async () => {
      const store = await create();
      expect(await store.replayDelivery('019b3f6e-2c11-7d4e-8a2b-5f0c9e7d1a34')).toEqual(
        'not_found',
      );
    });
  });
}

function fail(): never {
  throw new Error('Expected a delivery, got none');
}
