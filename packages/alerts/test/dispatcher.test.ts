import { describe, expect, it } from 'vitest';
import { createAlerts, type Notifier, type NotifyContext } from '../src/index.js';
import { virtualClock } from '../src/testing.js';

function bench(notifiers: Notifier[], retry = { attempts: 3, initialMs: 1_000 }) {
  const clock = virtualClock();
  const world = { value: 0 };
  const alerts = createAlerts({
    clock,
    notifiers,
    retry,
    notifyTimeout: '5s',
    random: () => 1,
    rules: [
      { id: 'r', severity: 'INFO', read: () => world.value, fire: { above: 0 }, cooldown: 0 },
    ],
  });
  const set = async (value: number) => {
    world.value = value;
    await alerts.evaluate();
    await clock.settle();
  };
  return { alerts, clock, set };
}

/** A notifier that fails so many times, then works, and writes down what it was asked. */
function flaky(name: string, failures: number) {
  const attempts: string[] = [];
  const ids = new Set<string>();
  const notifier: Notifier = {
    name,
    notify({ id, kind }, { attempt }) {
      attempts.push(`${kind} ${attempt}`);
      ids.add(id);
      if (attempts.length <= failures) throw new Error('down');
    },
  };
  return { notifier, attempts, ids };
}

describe('notifying', () => {
  it('tries again with growing waits, under the same id', async () => {
    const { notifier, attempts, ids } = flaky('a', 2);
    const { alerts, clock, set } = bench([notifier]);
    await set(1);
    expect(attempts).toEqual(['firing 1']);
    await clock.advance(999);
    expect(attempts).toHaveLength(1);
    await clock.advance(1);
    expect(attempts).toHaveLength(2);
    await clock.advance(2_000);
    expect(attempts).toEqual(['firing 1', 'firing 2', 'firing 3']);
    expect(ids.size).toBe(1);
    expect(alerts.stats().notifiers.a).toMatchObject({ sent: 1, failures: 2, dead: 0 });
  });

  it('gives up after the last attempt, and goes on with the next notification', async () => {
    const { notifier, attempts } = flaky('a', 3);
    const { alerts, clock, set } = bench([notifier]);
    await set(1);
    await clock.advance(10_000);
    expect(alerts.stats().notifiers.a).toMatchObject({ sent: 0, dead: 1 });
    expect((await alerts.health()).status).toBe('degraded');
    await set(0);
    expect(attempts.at(-1)).toBe('resolved 1');
    expect(alerts.stats().notifiers.a).toMatchObject({ sent: 1, dead: 1 });
  });

  it('is not kept from telling others by one that fails, hangs or throws', async () => {
    const good = flaky('good', 0);
    const signals: NotifyContext[] = [];
    const hangs: Notifier = {
      name: 'hangs',
      notify(_, context) {
        signals.push(context);
        return new Promise(() => {});
      },
    };
    const { alerts, clock, set } = bench([hangs, flaky('bad', 99).notifier, good.notifier]);
    await set(1);
    await set(0);
    expect(good.attempts).toEqual(['firing 1', 'resolved 1']);
    await clock.advance(5_000);
    expect(signals[0]?.signal.aborted).toBe(true);
    expect(alerts.stats().notifiers.hangs).toMatchObject({ failures: 1, sent: 0 });
  });

  it('does not send an old notification after a newer one of the same alert', async () => {
    const { notifier, attempts } = flaky('a', 1);
    const { alerts, clock, set } = bench([notifier]);
    await set(1);
    await set(0);
    await clock.advance(60_000);
    expect(attempts).toEqual(['firing 1', 'resolved 1']);
    expect(alerts.stats().notifiers.a).toMatchObject({ sent: 1, superseded: 1 });
  });

  it('waits at close until all are told, or the deadline', async () => {
    const quick = flaky('a', 1);
    const one = bench([quick.notifier]);
    await one.set(1);
    const closing = one.alerts.close();
    await one.clock.advance(1_000);
    expect(await closing).toMatchObject({ drained: true });
    expect(quick.attempts).toHaveLength(2);

    const dead = flaky('a', 99);
    const two = bench([dead.notifier], { attempts: 50, initialMs: 1_000 });
    await two.set(1);
    const giving = two.alerts.close({ deadline: '2s' });
    await two.clock.advance(2_000);
    expect(await giving).toMatchObject({ drained: false, durationMs: 2_000 });
    const { length } = dead.attempts;
    await two.clock.advance(600_000);
    expect(dead.attempts).toHaveLength(length);
  });

  it('takes notifiers with different names only', () => {
    const { notifier } = flaky('a', 0);
    expect(() => bench([notifier, notifier])).toThrow('must have different names');
  });
});
