// Plays a day of a connection pool through one rule in no time at all: hold time, hysteresis, cooldown, a lost source.
import { createAlerts } from '@holdfast/alerts';
import { virtualClock } from '@holdfast/alerts/testing';

const clock = virtualClock(Date.UTC(2026, 0, 1, 9));
const time = () => new Date(clock.now()).toISOString().slice(11, 16);
let utilisation = 0.5;
let fails = 1;

const alerts = createAlerts({
  clock,
  interval: '1m',
  sources: { metrics: { read: () => utilisation } },
  rules: [
    {
      id: 'pool-utilisation',
      severity: 'WARNING',
      metric: 'db_pool_utilization_ratio',
      fire: { above: 0.9 },
      clear: { below: 0.8 },
      for: '2m',
      cooldown: '30m',
      annotations: { summary: 'pool at {{value|percent}}, limit {{threshold|percent}}' },
    },
  ],
  notifiers: [
    {
      name: 'pager',
      notify({ kind, alert }, { attempt }) {
        if (fails-- > 0) throw new Error('no network');
        console.log(`${time()}   pager, attempt ${attempt}: ${kind}, ${alert.annotations.summary}`);
      },
    },
  ],
});
for (const type of ['pending', 'fired', 'reopened', 'announced', 'resolved']) {
  alerts.on(`alert.${type}`, () => console.log(`${time()} ${type}`));
}
alerts.start();

const day = [
  [5, 0.95],
  [5, 0.85],
  [5, null],
  [5, 0.7],
  [40, 0.97],
  [5, 0.6],
];
for (const [minutes, value] of day) {
  console.log(
    `${time()} --- pool at ${value === null ? 'unknown' : `${value * 100} %`} for ${minutes} minutes`,
  );
  utilisation = value;
  await clock.advance(minutes * 60_000);
}

const { items } = await alerts.history();
console.log(`${items.length} alert:`, items[0].transitions.map(({ type }) => type).join(' → '));
console.log(alerts.stats().notifiers.pager);
await alerts.close();
