import { describe, expect, it } from 'vitest';
import {
  AlertAdmin,
  type AlertRule,
  type AlertStore,
  type AlertsOptions,
  type Clock,
  createAlerts,
  logNotifier,
  memoryStore,
  type Notification,
  type Reading,
} from '../src/index.js';
import { alertOutputs } from '../src/schemas.js';
import { virtualClock } from '../src/testing.js';

function once(work: () => void): () => void {
  let done = false;
  return () => {
    if (!done) work();
    done = true;
  };
}

/** Alerts over one value that a test sets, with a notifier that writes down what it is told. */
function bench(rule: Partial<AlertRule> = {}, options: Partial<AlertsOptions> = {}) {
  const clock = virtualClock();
  const world = { reading: 0 as Reading | Error };
  const told: string[] = [];
  const notifications: Notification[] = [];
  const alerts = createAlerts({
    rules: [
      {
        id: 'pool',
        severity: 'CRITICAL',
        read: () => {
          if (world.reading instanceof Error) throw world.reading;
          return world.reading;
        },
        fire: { above: 90 },
        clear: { below: 80 },
        annotations: { summary: 'At {{value}} of {{labels.pool}}' },
        ...rule,
      } as AlertRule,
    ],
    notifiers: [
      {
        name: 'test',
        notify(notification) {
          notifications.push(notification);
          told.push(`${notification.kind} ${notification.alert.annotations.summary}`);
        },
      },
    ],
    clock,
    ...options,
  });
  const at = async (reading: Reading | Error, ms = 15_000) => {
    world.reading = reading;
    await clock.advance(ms);
    const report = await alerts.evaluate();
    await clock.settle();
    return report;
  };
  return { alerts, clock, world, told, notifications, at };
}

describe('life of an alert', () => {
  it('goes from pending to firing to resolved and keeps the trail', async () => {
    const { alerts, at, told } = bench({ for: '30s' });
    await at(95);
    expect((await alerts.list()).items).toMatchObject([{ status: 'pending', value: 95 }]);
    await at(96);
    await at(97);
    const [firing] = alerts.active();
    expect(firing).toMatchObject({ status: 'firing', severity: 'CRITICAL', value: 97 });
    await at(85);
    expect(alerts.active()).toHaveLength(1);
    await at(70);
    expect(alerts.active()).toEqual([]);
    const { items } = await alerts.history();
    expect(items).toMatchObject([{ id: firing?.id, status: 'resolved', value: 70 }]);
    expect(items[0]?.transitions.map(({ type, value }) => [type, value])).toEqual([
      ['pending', 95],
      ['fired', 97],
      ['resolved', 70],
    ]);
    expect(told).toEqual(['firing At 97 of ', 'resolved At 70 of ']);
    expect(alerts.stats()).toMatchObject({ total: { CRITICAL: 1 }, active: { CRITICAL: 0 } });
  });

  it('leaves no trace of what was pending and never fired', async () => {
    const { alerts, at, told } = bench({ for: '1m' });
    await at(95);
    await at(50);
    expect((await alerts.list()).items).toEqual([]);
    expect(told).toEqual([]);
  });

  it('keeps one alert for each set of labels', async () => {
    const { alerts, at, told } = bench({ labels: { team: 'db' } });
    const pool = (name: string, value: number) => ({ value, labels: { pool: name } });
    await at([pool('a', 95), pool('b', 50), pool('c', 99)]);
    expect(alerts.active().map(({ labels }) => labels)).toEqual([
      { team: 'db', pool: 'a' },
      { team: 'db', pool: 'c' },
    ]);
    await at([pool('a', 10), pool('b', 95)]); // c is not read: kept
    expect(
      alerts
        .active()
        .map(({ labels }) => labels.pool)
        .sort(),
    ).toEqual(['b', 'c']);
    expect(told.sort()).toEqual([
      'firing At 95 of a',
      'firing At 95 of b',
      'firing At 99 of c',
      'resolved At 10 of a',
    ]);
  });

  it('reopens the same alert silently within the cooldown, and makes a new one after it', async () => {
    const { alerts, at, told } = bench({ cooldown: '5m' });
    for (const value of [95, 70, 95, 70]) await at(value);
    const { items } = await alerts.history();
    expect(items).toHaveLength(1);
    expect(items[0]?.transitions.map(({ type }) => type)).toEqual([
      'fired',
      'resolved',
      'reopened',
      'resolved',
    ]);
    expect(told).toHaveLength(2);
    await at(95, 300_000);
    expect(alerts.active()[0]?.id).not.toBe(items[0]?.id);
    expect(told).toHaveLength(3);
    expect(alerts.stats().total.CRITICAL).toBe(2);
  });

  it('puts the worst first among the active', async () => {
    const read = () => 1;
    const fire = { above: 0 };
    const { alerts, at } = bench(
      {},
      {
        rules: (['INFO', 'EMERGENCY', 'WARNING'] as const).map((severity) => ({
          ...{ id: severity, severity, read, fire },
        })),
      },
    );
    await at(0);
    expect(alerts.active().map(({ severity }) => severity)).toEqual([
      'EMERGENCY',
      'WARNING',
      'INFO',
    ]);
  });

  it('can be acknowledged while it fires, and only then', async () => {
    const { alerts, at } = bench();
    await at(95);
    const [{ id } = { id: '' }] = alerts.active();
    const seen = await alerts.acknowledge(id, { by: 'ann', note: 'on it' });
    expect(seen.acknowledged).toMatchObject({ by: 'ann', note: 'on it' });
    expect((await alerts.get(id)).transitions.at(-1)).toMatchObject({
      type: 'acknowledged',
      by: 'ann',
    });
    await at(10);
    expect((await alerts.get(id)).acknowledged).toMatchObject({ by: 'ann' });
    await expect(alerts.acknowledge(id, { by: 'bob' })).rejects.toMatchObject({
      code: 'ALERT_ACKNOWLEDGE_CONFLICT',
      details: { status: 'resolved' },
    });
    const unknown = '00000000-0000-7000-8000-000000000000';
    await expect(alerts.acknowledge(unknown, { by: 'bob' })).rejects.toMatchObject({
      code: 'ALERT_NOT_FOUND',
    });
    await expect(alerts.acknowledge(id, { by: '' })).rejects.toThrow('options.by');
  });
});

describe('reading', () => {
  it('reads a metric from its source, by name and labels', async () => {
    const asked: unknown[] = [];
    const { alerts, at } = bench(
      {},
      {
        sources: {
          main: {
            read: (...given) => {
              asked.push(given);
              return 5;
            },
          },
          other: { read: () => 0 },
        },
        rules: [
          {
            ...{ id: 'm', metric: 'waiting', match: { pool: 'x' }, source: 'main' },
            ...{ severity: 'INFO', fire: { atLeast: 5 } },
          },
        ],
      },
    );
    await at(0);
    expect(asked).toEqual([['waiting', { pool: 'x' }]]);
    expect(alerts.active()).toHaveLength(1);
  });

  it('keeps what it knows when there is nothing to read, and goes on with the other rules', async () => {
    const broken = { id: 'b', severity: 'INFO', fire: { above: 0 } } as const;
    const { alerts, at } = bench();
    await at(95);
    for (const reading of [null, undefined, Number.NaN, [], new Error('down')]) {
      await at(reading);
      expect(alerts.active()).toHaveLength(1);
    }
    expect(alerts.stats().failures).toEqual({ pool: 1 });
    expect((await alerts.health()).status).toBe('degraded');
    await at(95);
    expect((await alerts.health()).status).toBe('healthy');

    const two = bench(
      {},
      {
        rules: [
          { ...broken, read: () => Promise.reject(new Error('down')) },
          { ...broken, id: 'text', read: () => 'many' as never },
          { ...broken, id: 'ok', read: () => 1 },
        ],
      },
    );
    const report = await two.at(0);
    expect(report).toMatchObject({ rules: 3, fired: 1 });
    expect([...report.failed].sort()).toEqual(['b', 'text']);
  });

  it('gives up on a source that does not answer', async () => {
    const clock = virtualClock();
    let aborted = false;
    const alerts = createAlerts({
      clock,
      sourceTimeout: '2s',
      rules: [
        {
          ...{ id: 'slow', severity: 'INFO', fire: { above: 0 } },
          read: ({ signal }) =>
            new Promise(() => signal.addEventListener('abort', () => (aborted = true))),
        },
      ],
    });
    const evaluating = alerts.evaluate();
    await clock.advance(2_000);
    expect((await evaluating).failed).toEqual(['slow']);
    expect(aborted).toBe(true);
  });

  it('leaves out series beyond a thousand a rule', async () => {
    const { alerts, at } = bench();
    await at(Array.from({ length: 1_100 }, (_, id) => ({ value: 95, labels: { id: String(id) } })));
    expect(alerts.active()).toHaveLength(1_000);
  });
});

describe('start and close', () => {
  it('evaluates at once and then once an interval', async () => {
    const { alerts, clock, world } = bench({}, { interval: '10s' });
    alerts.start();
    alerts.start();
    await clock.advance(0);
    expect(alerts.stats().evaluations).toBe(1);
    world.reading = 95;
    await clock.advance(30_000);
    expect(alerts.stats().evaluations).toBe(4);
    expect(alerts.active()).toHaveLength(1);
    expect((await alerts.close()).drained).toBe(true);
    await clock.advance(60_000);
    expect(alerts.stats().evaluations).toBe(4);
    await expect(alerts.evaluate()).rejects.toMatchObject({ code: 'ALERT_CLOSED' });
    expect((await alerts.close()).drained).toBe(true);
  });

  it('keeps the process alive while it closes, and at no other time', async () => {
    const clock = virtualClock();
    let holding = 0;
    const holdingClock: Clock = {
      now: clock.now,
      setTimeout(fn, ms) {
        const release = once(() => {
          holding -= 1;
        });
        holding += 1;
        const timer = clock.setTimeout(() => {
          release();
          fn();
        }, ms);
        return {
          unref: release,
          clear() {
            release();
            timer.clear();
          },
        };
      },
    };
    const notifiers = [{ name: 'hangs', notify: () => new Promise<void>(() => {}) }];
    const { alerts, at } = bench({}, { clock: holdingClock, notifiers });
    alerts.start();
    await at(95);
    expect(holding).toBe(0);
    const closed = alerts.close({ deadline: '5s' });
    expect(holding).toBe(1);
    await clock.advance(5_000);
    expect(await closed).toMatchObject({ drained: false });
    expect(holding).toBe(0);
  });

  it('keeps its interval when the clock is set back', async () => {
    const clock = virtualClock();
    let setBackMs = 0;
    const alerts = createAlerts({
      rules: [
        {
          id: 'pool',
          severity: 'INFO',
          read: () => {
            setBackMs = 3_600_000;
            return 0;
          },
          fire: { above: 1 },
        },
      ],
      interval: '10s',
      clock: { setTimeout: clock.setTimeout, now: () => clock.now() - setBackMs },
    });
    alerts.start();
    await clock.advance(30_000);
    expect(alerts.stats().evaluations).toBe(4);
    await alerts.close();
  });

  it('goes on where it was after a restart with the same store', async () => {
    const store = memoryStore();
    const first = bench({ for: '30s' }, { store });
    await first.at(95);
    await first.alerts.close();
    const second = bench({ for: '30s' }, { store });
    await second.clock.advance(45_000);
    await second.at(95);
    expect(second.told).toHaveLength(1);
    const [alert] = second.alerts.active();
    expect(alert?.transitions.map(({ type }) => type)).toEqual(['pending', 'fired']);
    const third = bench({ id: 'another' }, { store });
    await third.at(0);
    expect((await third.alerts.history()).items).toMatchObject([{ id: alert?.id, rule: 'pool' }]);
  });

  it('goes on when the store fails, and saves later', async () => {
    const inner = memoryStore();
    let broken = true;
    const store: AlertStore = {
      ...{ name: 'flaky', load: () => inner.load(), get: (id: string) => inner.get(id) },
      list: (query) => inner.list(query),
      counts: () => inner.counts(),
      commit: (changes) => (broken ? Promise.reject(new Error('down')) : inner.commit(changes)),
    };
    const { alerts, at, told } = bench({}, { store });
    await at(95);
    expect(told).toHaveLength(1);
    expect((await alerts.health()).status).toBe('degraded');
    broken = false;
    await at(70);
    expect((await alerts.history()).items).toHaveLength(1);
    expect((await alerts.health()).status).toBe('healthy');
  });

  it('tells handlers, and survives one that fails', async () => {
    const { alerts, at, told } = bench();
    const heard: string[] = [];
    alerts.on('alert.fired', () => {
      throw new Error('handler');
    });
    const stop = alerts.on('alert.fired', ({ type, alert }) => heard.push(`${type} ${alert.rule}`));
    alerts.on('alert.resolved', ({ type }) => heard.push(type));
    await at(95);
    await at(70);
    stop();
    expect(heard).toEqual(['alert.fired pool', 'alert.resolved']);
    expect(told).toHaveLength(2);
  });
});

describe('history', () => {
  it('keeps the last thousand by default, or as many as asked', async () => {
    const { alerts, at } = bench({ cooldown: 0 }, { store: memoryStore({ historyLimit: 3 }) });
    for (let round = 0; round < 5; round++) {
      await at(95);
      await at(10);
    }
    const first = await alerts.history({ limit: 2 });
    const rest = await alerts.history({ limit: 2, cursor: first.nextCursor ?? undefined });
    expect([first.items.length, rest.items.length, rest.nextCursor]).toEqual([2, 1, null]);
    expect((await alerts.counts()).resolved.CRITICAL).toBe(3);
    await expect(alerts.history({ cursor: 'nonsense' })).rejects.toThrow('options.cursor');
  });
});

describe('logNotifier', () => {
  it('writes at the level of the severity', async () => {
    const lines: string[] = [];
    const write = (level: string) => (fields: object, message: string) => {
      lines.push(`${level} ${message} ${JSON.stringify(fields).includes('"rule":"pool"')}`);
    };
    const logger = {
      ...{ debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
    };
    const { at } = bench({}, { notifiers: [logNotifier(logger)] });
    await at(95);
    await at(70);
    expect(lines).toEqual([
      'error Alert pool firing: At 95 of  true',
      'info Alert pool resolved: At 70 of  true',
    ]);
  });
});

describe('AlertAdmin', () => {
  it('gives JSON that fits its schemas', async () => {
    const { alerts, at } = bench();
    await at(95);
    const admin = new AlertAdmin(alerts);
    const id = (await admin.active()).items[0]?.id;
    const results = {
      acknowledge: await admin.acknowledge({ id, by: 'ann' }),
      rules: await admin.rules(),
      active: await admin.active(),
      counts: await admin.counts(),
      list: await admin.list({
        status: 'firing,pending',
        limit: '1',
        from: '2020-01-01T00:00:00Z',
      }),
      get: await admin.get({ id }),
    };
    for (const [method, output] of Object.entries(results)) {
      const schema = alertOutputs[method as keyof typeof results];
      expect(schema.parse(output), method).toEqual(output);
      expect(JSON.parse(JSON.stringify(output))).toEqual(output);
    }
    expect(results.list.items).toHaveLength(1);
    await expect(admin.list({ status: 'burning' })).rejects.toThrow('input.status');
    await expect(admin.get({ id: 'x' })).rejects.toMatchObject({ code: 'ALERT_OPTION_INVALID' });
  });
});
