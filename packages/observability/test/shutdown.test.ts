import { createServer } from 'node:http';
import { constants } from 'node:os';
import { afterEach, expect, it } from 'vitest';
import {
  createHealth,
  createLogger,
  type GracefulShutdown,
  gracefulShutdown,
  type ShutdownOptions,
} from '../src/index.js';
import { eventually, listen } from './support/http.js';
import { memoryLines } from './support/lines.js';
import { settle, VirtualClock } from './support/virtual-clock.js';

let shutdown: GracefulShutdown | undefined;

afterEach(() => shutdown?.dispose());

function setUp(options: ShutdownOptions = {}) {
  const clock = new VirtualClock();
  const codes: number[] = [];
  const { destination, lines } = memoryLines();
  const logger = createLogger({ service: 'shop', destination, logCrash: false });
  const made = gracefulShutdown({
    logger,
    clock,
    signals: [],
    exit: (code) => codes.push(code),
    ...options,
  });
  shutdown = made;
  const closed: string[] = [];
  const part = (name: string, ms = 0) => ({
    close: () =>
      new Promise<void>((resolve) => {
        clock.setTimeout(() => {
          closed.push(name);
          resolve();
        }, ms);
      }),
  });
  return { shutdown: made, clock, codes, lines, closed, part };
}

it('closes parts after those they wait for, the others together, and ends with 0', async () => {
  const { shutdown: made, clock, codes, lines, closed, part } = setUp();
  made.add('http', part('http', 300));
  made.add('timer', part('timer', 100));
  made.add('worker', part('worker', 200), { after: ['http'] });
  made.add('database', part('database', 10), { after: ['http', 'worker', 'timer'] });
  const running = made.run('test');
  await clock.pass(10_000);
  expect(closed).toEqual(['timer', 'http', 'worker', 'database']);
  expect(await running).toEqual({
    reason: 'test',
    drained: true,
    durationMs: 510,
    parts: [
      { name: 'timer', outcome: 'closed', durationMs: 100 },
      { name: 'http', outcome: 'closed', durationMs: 300 },
      { name: 'worker', outcome: 'closed', durationMs: 200 },
      { name: 'database', outcome: 'closed', durationMs: 10 },
    ],
  });
  expect(codes).toEqual([0]);
  expect(lines().filter(({ msg }) => msg === 'part closed')).toMatchObject([
    { part: 'timer', duration_ms: 100 },
    { part: 'http', duration_ms: 300 },
    { part: 'worker', duration_ms: 200 },
    { part: 'database', duration_ms: 10 },
  ]);
});

it('fails readiness first and waits for load balancers to notice', async () => {
  const health = createHealth();
  const { shutdown: made, clock, closed, part } = setUp({ health, drainDelay: '5s' });
  made.add('http', part('http'));
  const running = made.run();
  await clock.pass(4_999);
  expect((await health.ready()).ready).toBe(false);
  expect(closed).toEqual([]);
  await clock.pass(1_000);
  await running;
  expect(closed).toEqual(['http']);
});

it('leaves a part that hangs, keeps time for those behind it, and ends with 1', async () => {
  const { shutdown: made, clock, codes, lines, closed, part } = setUp({ deadline: '10s' });
  const budgets: number[] = [];
  made.add('hanging', ({ deadline }) => {
    budgets.push(deadline);
    return new Promise(() => {});
  });
  made.add('broken', () => Promise.reject(new Error('broken')));
  made.add('database', part('database', 500), { after: ['hanging', 'broken'] });
  const running = made.run();
  await clock.pass(10_000);
  const report = await running;
  expect(report).toMatchObject({
    drained: false,
    parts: [
      { name: 'broken', outcome: 'failed' },
      { name: 'hanging', outcome: 'timeout', durationMs: 9_000 },
      { name: 'database', outcome: 'closed', durationMs: 500 },
    ],
  });
  expect(budgets).toEqual([9_000]);
  expect(closed).toEqual(['database']);
  expect(codes).toEqual([1]);
  expect(lines()).toContainEqual(
    expect.objectContaining({
      part: 'broken',
      err: expect.objectContaining({ message: 'broken' }),
    }),
  );
  expect(lines()).toContainEqual(expect.objectContaining({ part: 'hanging', level: 'warn' }));
});

it('believes a part that says it had work left', async () => {
  const { shutdown: made, clock, codes } = setUp();
  made.add('queue', { close: () => Promise.resolve({ drained: false, durationMs: 1 }) });
  const running = made.run();
  await clock.pass(0);
  expect((await running).drained).toBe(false);
  expect(codes).toEqual([1]);
});

it('refuses a name twice and an order that cannot be', () => {
  const { shutdown: made, part } = setUp();
  made.add('a', part('a'));
  expect(() => made.add('a', part('a'))).toThrow(/`name`/);
  expect(() => made.add('b', part('b'), { after: ['c'] })).toThrow(/`after`.*`c`/);
});

it('begins on a signal, and a second one ends at once', async () => {
  const { shutdown: made, codes } = setUp({ signals: ['SIGUSR2'] });
  made.add('hanging', () => new Promise(() => {}));
  process.kill(process.pid, 'SIGUSR2');
  await settle();
  expect(codes).toEqual([]);
  process.kill(process.pid, 'SIGUSR2');
  await eventually(() => codes.length === 1);
  expect(codes).toEqual([128 + constants.signals.SIGUSR2]);
});

it('answers the requests in hand of an HTTP server, and ends idle connections', async () => {
  let answer = (): void => {};
  const server = createServer((request, response) => {
    if (request.url === '/idle') response.end();
    else answer = () => response.end('answered');
  });
  const url = await listen(server);
  await (await fetch(`${url}/idle`)).text(); // leaves a connection that is kept alive
  const inHand = fetch(`${url}/slow`);
  const codes: number[] = [];
  const made = gracefulShutdown({ signals: [], exit: (code) => codes.push(code), deadline: '5s' });
  await new Promise<void>((resolve) => server.once('request', () => resolve()));
  made.add('http', server);
  const running = made.run();
  await expect(fetch(url)).rejects.toThrow();
  answer();
  expect(await (await inHand).text()).toBe('answered');
  expect(await running).toMatchObject({ drained: true });
  expect(codes).toEqual([0]);
});

it('cuts the requests of an HTTP server that do not end in time', async () => {
  const server = createServer(() => {});
  const url = await listen(server);
  const stuck = fetch(url).catch(() => 'cut');
  await new Promise<void>((resolve) => server.once('request', () => resolve()));
  const made = gracefulShutdown({ signals: [], exit: () => {}, deadline: 100 });
  made.add('http', server);
  expect(await made.run()).toMatchObject({ drained: false, parts: [{ outcome: 'closed' }] });
  expect(await stuck).toBe('cut');
});
