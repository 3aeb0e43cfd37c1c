import { randomUUID } from 'node:crypto';
import type { Alert, AlertStatus } from '../alert.js';
import type { AlertStore, Series, SeriesChange } from '../store.js';
import { uuidv7 } from '../uuid.js';

/** What the suite uses of a test runner: vitest's and jest's fit as they are. */
export interface TestRunner {
  describe(name: string, body: () => void): unknown;
  it(name: string, body: () => Promise<void>): unknown;
  expect(actual: unknown): {
    toBe(expected: unknown): unknown;
    toEqual(expected: unknown): unknown;
  };
}

/** The store under test. */
export interface ConformanceOptions {
  /** Shown in test names. */
  readonly name: string;
  /** Gives an empty store that keeps this many resolved alerts. */
  create(options: { historyLimit: number }): Promise<AlertStore>;
}

function alertOf(status: AlertStatus, rest: Partial<Alert> = {}): Alert {
  const at = new Date('2026-01-01T00:00:00.123Z');
  return {
    id: uuidv7(),
    rule: 'r',
    fingerprint: randomUUID(),
    severity: 'WARNING',
    labels: { pool: 'main' },
    annotations: { summary: 'S "quoted" ☃' },
    status,
    value: 0.1,
    startedAt: at,
    firedAt: status === 'pending' ? null : at,
    resolvedAt: status === 'resolved' ? at : null,
    acknowledged: { at, by: 'ann', note: null },
    transitions: [{ at, type: 'fired', value: 0.1, by: null, note: null }],
    ...rest,
  };
}

function changeOf(alert: Alert, rest: Partial<SeriesChange> = {}): SeriesChange {
  const state: Series['state'] = {
    phase: 'firing',
    since: 1_767_225_600_123,
    announcedAt: 1_767_225_600_456,
    announced: true,
    seen: { at: 1, by: 'ann', note: null },
  };
  const { fingerprint, rule, labels } = alert;
  return {
    series: { fingerprint, rule, labels, state, alert },
    forget: false,
    dropAlert: null,
    ...rest,
  };
}

/** What every {@link AlertStore} must do. */
export function alertStoreConformance(
  { describe, it, expect }: TestRunner,
  { name, create }: ConformanceOptions,
): void {
  const store = (historyLimit = 1000) => create({ historyLimit });
  const none = { INFO: 0, WARNING: 0, CRITICAL: 0, EMERGENCY: 0 };

  describe(`${name}: alert store`, () => {
    it('gives back alerts and series as they were given', async () => {
      const alerts = await store();
      const change = changeOf(alertOf('firing'));
      await alerts.commit([change]);
      expect(await alerts.load()).toEqual([change.series]);
      expect(await alerts.get(change.series.alert?.id ?? '')).toEqual(change.series.alert);
      expect(await alerts.get(randomUUID())).toBe(null);
    });

    it('keeps the newest of each series and each alert', async () => {
      const alerts = await store();
      const first = alertOf('firing');
      const second = { ...first, status: 'resolved' as const, value: 2 };
      await alerts.commit([changeOf(first), changeOf(second)]);
      expect((await alerts.load()).map(({ alert }) => alert)).toEqual([second]);
      expect(await alerts.list({ limit: 9 })).toEqual([second]);
      expect(await alerts.counts()).toEqual({
        pending: none,
        firing: none,
        resolved: { ...none, WARNING: 1 },
      });
    });

    it('forgets a series and keeps its alert; drops an alert that never fired', async () => {
      const alerts = await store();
      const [done, lapsed] = [alertOf('firing'), alertOf('pending')];
      await alerts.commit([changeOf(done), changeOf(lapsed)]);
      const idle = { ...changeOf(lapsed).series, alert: null };
      await alerts.commit([
        changeOf({ ...done, status: 'resolved' }, { forget: true }),
        { series: idle, forget: true, dropAlert: lapsed.id },
      ]);
      expect(await alerts.load()).toEqual([]);
      expect((await alerts.list({ limit: 9 })).map(({ id }) => id)).toEqual([done.id]);
      expect((await alerts.counts()).pending).toEqual(none);
    });

    it('lists newest first, by page and by filter', async () => {
      const alerts = await store();
      const early = new Date('2020-01-01T00:00:00.000Z');
      const [one, two, three] = [
        alertOf('resolved', { startedAt: early }),
        alertOf('firing', { severity: 'EMERGENCY' }),
        alertOf('firing', { rule: 'other' }),
      ] as const;
      await alerts.commit([changeOf(one), changeOf(two), changeOf(three)]);
      const ids = async (query: object) =>
        (await alerts.list({ limit: 9, ...query })).map(({ id }) => id);
      expect(await ids({})).toEqual([three.id, two.id, one.id]);
      expect(await ids({ limit: 1 })).toEqual([three.id]);
      expect(await ids({ before: three.id })).toEqual([two.id, one.id]);
      expect(await ids({ status: ['firing'] })).toEqual([three.id, two.id]);
      expect(await ids({ severity: ['EMERGENCY', 'INFO'] })).toEqual([two.id]);
      expect(await ids({ rule: 'other' })).toEqual([three.id]);
      expect(await ids({ to: new Date('2021-01-01') })).toEqual([one.id]);
      expect(await ids({ from: new Date('2021-01-01') })).toEqual([three.id, two.id]);
    });

    it('keeps so many resolved alerts, those resolved last, and every open one', async () => {
      const alerts = await store(2);
      const open = alertOf('firing');
      const all = Array.from({ length: 5 }, () => alertOf('firing'));
      await alerts.commit([open, ...all].map((alert) => changeOf(alert)));
      const order = [...all].reverse(); // the last one resolves first
      for (const alert of order) await alerts.commit([changeOf({ ...alert, status: 'resolved' })]);
      const kept = (await alerts.list({ limit: 9 })).map(({ id }) => id);
      expect(kept.sort()).toEqual([open.id, all[0]?.id, all[1]?.id].sort());
      expect((await alerts.counts()).resolved).toEqual({ ...none, WARNING: 2 });
    });

    it('keeps what it has when the caller changes what was given or read', async () => {
      const alerts = await store();
      const given = alertOf('firing');
      await alerts.commit([changeOf(given)]);
      Object.assign(given.labels, { pool: 'changed' });
      Object.assign((await alerts.get(given.id))?.labels ?? {}, { pool: 'changed' });
      expect((await alerts.get(given.id))?.labels).toEqual({ pool: 'main' });
    });
  });
}
