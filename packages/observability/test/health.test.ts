import { expect, it } from 'vitest';
import { createHealth, createLogger } from '../src/index.js';
import { memoryLines } from './support/lines.js';
import { settle, VirtualClock } from './support/virtual-clock.js';

function setUp() {
  const clock = new VirtualClock();
  const { destination, lines } = memoryLines();
  const logger = createLogger({ service: 'shop', destination, logCrash: false });
  return { clock, lines, health: createHealth({ clock, logger }) };
}

it('is ready with no checks, and alive whatever the checks say', async () => {
  const { health } = setUp();
  expect(await health.ready()).toEqual({ ready: true, status: 'healthy', checks: {} });
  health.register('db', () => {
    throw new Error('down');
  });
  expect((await health.ready()).ready).toBe(false);
  expect(health.live()).toMatchObject({ status: 'healthy', uptimeSeconds: expect.any(Number) });
});

it('takes functions and anything with health(), and shows their details', async () => {
  const { health } = setUp();
  health.register('function', () => {});
  health.register('promise', async () => ({ status: 'healthy', details: { lag: 3 } }));
  health.register('object', {
    health: () => Promise.resolve({ status: 'healthy', details: { engine: 'x' } }),
  });
  const { ready, checks } = await health.ready();
  expect(ready).toBe(true);
  expect(checks).toMatchObject({
    function: { status: 'healthy', critical: true, durationMs: 0 },
    promise: { details: { lag: 3 } },
    object: { details: { engine: 'x' } },
  });
});

it('is ready when degraded, or when what fails is not critical', async () => {
  const { health } = setUp();
  health.register('slow', () => ({ status: 'degraded' }));
  expect(await health.ready()).toMatchObject({ ready: true, status: 'degraded' });
  health.register('cache', () => Promise.reject(new Error('gone')), { critical: false });
  expect(await health.ready()).toMatchObject({
    ready: true,
    status: 'degraded',
    checks: { cache: { status: 'unhealthy', error: 'gone' } },
  });
  const remove = health.register('db', () => ({ status: 'unhealthy' }));
  expect(await health.ready()).toMatchObject({ ready: false, status: 'unhealthy' });
  remove();
  expect((await health.ready()).ready).toBe(true);
});

it('keeps the last error after recovery, without the secrets in it, and logs changes', async () => {
  const { health, clock, lines } = setUp();
  let down = true;
  health.register('db', () => {
    if (down) throw new Error('cannot reach postgres://app:hunter2@db/shop');
  });
  await health.ready();
  down = false;
  await clock.pass(1_000);
  const { checks } = await health.ready();
  expect(checks.db).toMatchObject({
    status: 'healthy',
    lastError: {
      at: '2026-01-01T00:00:00.000Z',
      message: 'cannot reach postgres://app:[redacted]@db/shop',
    },
  });
  expect(checks.db?.error).toBeUndefined();
  expect(lines().map(({ level, check, status }) => [level, check, status])).toEqual([
    ['warn', 'db', 'unhealthy'],
    ['info', 'db', 'healthy'],
  ]);
});

it('runs a check once for many probes, and again when its result is old', async () => {
  const { health, clock } = setUp();
  let runs = 0;
  health.register(
    'db',
    () => {
      runs += 1;
    },
    { cacheFor: '5s' },
  );
  await Promise.all([health.ready(), health.ready(), health.ready()]);
  await clock.pass(4_999);
  await health.ready();
  expect(runs).toBe(1);
  await clock.pass(1);
  await health.ready();
  expect(runs).toBe(2);
});

it('is not held up by a check that hangs, does not pile such checks up, and tries again later', async () => {
  const { health, clock } = setUp();
  let runs = 0;
  let aborted = 0;
  let mended = false;
  health.register(
    'db',
    (signal) => {
      runs += 1;
      signal.addEventListener('abort', () => {
        aborted += 1;
      });
      return mended ? undefined : new Promise(() => {});
    },
    { timeout: '2s', cacheFor: 0 },
  );
  const first = health.ready();
  await clock.pass(2_000);
  expect(await first).toMatchObject({
    ready: false,
    checks: { db: { status: 'unhealthy', error: 'no answer within 2000 ms' } },
  });
  expect([runs, aborted]).toEqual([1, 1]);
  await clock.pass(10_000);
  expect((await health.ready()).ready).toBe(false);
  expect(runs).toBe(1);
  mended = true;
  await clock.pass(8_000);
  expect((await health.ready()).ready).toBe(true);
  expect(runs).toBe(2);
});

it('answers as soon as a hanging check comes back', async () => {
  const { health, clock } = setUp();
  let finish = (): void => {};
  let runs = 0;
  health.register(
    'db',
    () => {
      runs += 1;
      if (runs > 1) return undefined;
      return new Promise<void>((resolve) => {
        finish = resolve;
      });
    },
    { cacheFor: 0 },
  );
  const first = health.ready();
  await clock.pass(2_000);
  expect((await first).ready).toBe(false);
  finish();
  await settle();
  expect((await health.ready()).ready).toBe(true);
});

it('is not ready before start-up is done, and after draining began', async () => {
  const health = createHealth({ awaitStartup: true });
  expect(health.startup()).toEqual({ done: false });
  expect(await health.ready()).toMatchObject({ ready: false, reason: 'starting' });
  health.started();
  expect(health.startup()).toEqual({ done: true });
  expect((await health.ready()).ready).toBe(true);
  health.drain('deploy');
  expect(await health.ready()).toMatchObject({
    ready: false,
    status: 'unhealthy',
    reason: 'deploy',
  });
});

it('refuses a name twice and a malformed option', () => {
  const { health } = setUp();
  health.register('db', () => {});
  expect(() => health.register('db', () => {})).toThrow(/`name`/);
  // @ts-expect-error not a duration
  expect(() => health.register('x', () => {}, { timeout: '2 sec' })).toThrow(/`timeout`.*`2 sec`/);
});
