import {
  createNoopMeter,
  metrics,
  type Observable,
  type ObservableCallback,
} from '@opentelemetry/api';
import { afterAll, expect, it } from 'vitest';
import { createAlerts } from '../src/index.js';

/** A meter that hands out its instruments' callbacks: all that a collection needs. */
const callbacks = new Map<string, ObservableCallback>();
const meter = createNoopMeter();
const instrument = (name: string) => {
  const observable = Object.create(meter.createObservableGauge(name)) as Observable;
  observable.addCallback = (callback) => callbacks.set(name, callback);
  observable.removeCallback = () => callbacks.delete(name);
  return observable;
};
metrics.setGlobalMeterProvider({
  getMeter: () =>
    Object.assign(Object.create(meter), {
      createObservableGauge: instrument,
      createObservableCounter: instrument,
    }),
});
afterAll(() => metrics.disable());

async function collect(name: string): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  await callbacks.get(name)?.({
    observe: (value, attributes) => {
      found[Object.values(attributes ?? {}).join(' ')] = value;
    },
  });
  return found;
}

it('counts firing alerts and alerts that fired, by severity', async () => {
  let value = 1;
  const rule = { read: () => value, fire: { above: 0 }, cooldown: 0 } as const;
  const alerts = createAlerts({
    rules: [
      { ...rule, id: 'a', severity: 'CRITICAL' },
      { ...rule, id: 'b', severity: 'INFO' },
      { ...rule, id: 'c', severity: 'INFO', read: () => Promise.reject(new Error('down')) },
    ],
    notifiers: [{ name: 'n', notify() {} }],
  });
  await alerts.evaluate();
  const none = { INFO: 0, WARNING: 0, CRITICAL: 0, EMERGENCY: 0 };
  expect(await collect('active_alerts_count')).toEqual({ ...none, CRITICAL: 1, INFO: 1 });
  for (value of [0, 1, 0]) await alerts.evaluate();
  expect(await collect('active_alerts_count')).toEqual(none);
  expect(await collect('total_alerts_count')).toEqual({ ...none, CRITICAL: 2, INFO: 2 });
  expect(await collect('holdfast_alerts_evaluation_failures_total')).toEqual({ c: 4 });
  await alerts.close();
  expect(callbacks.size).toBe(0);
});
