import type { SqlDatabase } from '@holdfast/sql';
import { afterEach, beforeEach, expect, expectTypeOf, it } from 'vitest';
import {
  createHealth,
  createLogger,
  monitorPool,
  type PoolMonitor,
  type PoolQuery,
  type PoolSource,
  type PoolStats,
  startTelemetry,
  type Telemetry,
} from '../src/index.js';
import { eventually } from './support/http.js';
import { type Line, memoryLines } from './support/lines.js';
import { parsePrometheus, sampleOf } from './support/parse-prometheus.js';

let telemetry: Telemetry;
let monitors: PoolMonitor[];

beforeEach(() => {
  telemetry = startTelemetry({ service: 'shop', runtimeMetrics: false });
  monitors = [];
});

afterEach(async () => {
  for (const monitor of monitors) await monitor.close();
  await telemetry.close();
});

/** A pool whose figures the test sets. */
class ScriptedPool implements PoolSource {
  current: PoolStats | undefined = {
    size: 4,
    max: 10,
    checkedOut: 3,
    available: 1,
    waiting: 0,
    opened: 6,
    closed: 2,
    errors: 1,
  };
  readonly #handlers = new Map<string, Set<(event: never) => void>>();

  stats(): PoolStats {
    if (this.current === undefined) throw new Error('closed');
    return this.current;
  }

  on(type: string, handler: (event: never) => void): () => void {
    const handlers = this.#handlers.get(type) ?? new Set();
    this.#handlers.set(type, handlers.add(handler));
    return () => handlers.delete(handler);
  }

  emit(type: string, event: object): void {
    for (const handler of this.#handlers.get(type) ?? [])
      Reflect.apply(handler, undefined, [event]);
  }

  listeners(): number {
    return [...this.#handlers.values()].reduce((sum, { size }) => sum + size, 0);
  }
}

function watch(pool: ScriptedPool, name?: string, checkEvery = 5_000) {
  const { destination, lines } = memoryLines();
  const logger = createLogger({ service: 'shop', destination, level: 'debug', logCrash: false });
  const monitor = monitorPool(pool, {
    logger,
    checkEvery,
    ...(name === undefined ? {} : { pool: name }),
  });
  monitors.push(monitor);
  return { monitor, lines };
}

const query = (over: Partial<PoolQuery> = {}): PoolQuery => ({
  text: 'select 1',
  name: undefined,
  durationMs: 5,
  rowCount: 1,
  error: undefined,
  ...over,
});

it('takes the database handle of @holdfast/sql as it is', () => {
  expectTypeOf<SqlDatabase>().toExtend<PoolSource>();
});

it('exposes the twelve metrics, each pool under its name', async () => {
  const main = new ScriptedPool();
  const other = new ScriptedPool();
  watch(main);
  watch(other, 'reports');
  other.current = { ...main.stats(), checkedOut: 10 };
  main.emit('acquire', { waitMs: 20 });
  main.emit('query', query());
  main.emit('query', query({ durationMs: 1_200 }));
  main.emit('query', query({ error: new Error('syntax') }));
  const families = parsePrometheus(await telemetry.prometheusText());
  const value = (name: string, labels: object = {}) =>
    sampleOf(families, `db_pool_${name}`, { pool: 'main', ...labels });
  expect(value('size')).toBe(4);
  expect(value('max')).toBe(10);
  expect(value('checked_out')).toBe(3);
  expect(value('available')).toBe(1);
  expect(value('waiting')).toBe(0);
  expect(value('utilization')).toBeCloseTo(0.3);
  expect(value('connections_opened_total')).toBe(6);
  expect(value('connections_closed_total')).toBe(2);
  expect(value('connection_errors_total')).toBe(1);
  expect(value('acquire_duration_seconds_sum')).toBeCloseTo(0.02);
  expect(value('query_duration_seconds_count', { outcome: 'ok' })).toBe(2);
  expect(value('query_duration_seconds_count', { outcome: 'error' })).toBe(1);
  expect(value('slow_queries_total')).toBe(1);
  expect(sampleOf(families, 'db_pool_utilization', { pool: 'reports' })).toBe(1);
  expect([...families.keys()].filter((name) => name.startsWith('db_pool_'))).toHaveLength(12);
});

it('logs slow statements without the values written into them', () => {
  const pool = new ScriptedPool();
  const { lines } = watch(pool);
  pool.emit('query', query({ durationMs: 1_000 }));
  pool.emit(
    'query',
    query({
      text: "select *\n  from users where email = 'ann@example.com'\n and note = 'it''s' and id = $1",
      name: 'find',
      durationMs: 1_500.04,
      rowCount: 2,
    }),
  );
  expect(lines()).toMatchObject([
    {
      level: 'warn',
      msg: 'slow query',
      pool: 'main',
      duration_ms: 1_500,
      row_count: 2,
      statement: 'select * from users where email = ? and note = ? and id = $1',
      statement_name: 'find',
    },
  ]);
});

it('tells the status, degrades health but never fails it, and logs changes', async () => {
  const pool = new ScriptedPool();
  const { monitor, lines } = watch(pool, 'main', 5);
  const health = createHealth();
  health.register('pool', monitor, { cacheFor: 0 });
  const set = (over: Partial<PoolStats>): void => {
    pool.current = { ...pool.stats(), ...over };
  };
  expect(monitor.status()).toBe('HEALTHY');
  set({ checkedOut: 9 });
  expect([monitor.status(), monitor.utilization()]).toEqual(['WARNING', 0.9]);
  set({ checkedOut: 10, waiting: 3 });
  expect(monitor.status()).toBe('CRITICAL');
  expect(await health.ready()).toMatchObject({ ready: true, status: 'degraded' });
  const changes = (): Line[] => lines().filter(({ status }) => status !== undefined);
  await eventually(() => changes().length === 1);
  set({ checkedOut: 1, waiting: 0 });
  await eventually(() => changes().length === 2);
  expect(changes()).toMatchObject([
    { level: 'warn', status: 'CRITICAL', waiting: 3 },
    { level: 'info', status: 'HEALTHY' },
  ]);
});

it('does not call an embedded database with its one connection overloaded', () => {
  const pool = new ScriptedPool();
  pool.current = { ...pool.stats(), size: 1, max: 1, checkedOut: 1, waiting: 4 };
  expect(watch(pool).monitor.status()).toBe('HEALTHY');
});

it('is UNKNOWN when the pool does not answer, and throws nothing', async () => {
  const pool = new ScriptedPool();
  const { monitor } = watch(pool);
  pool.current = undefined;
  expect(monitor.status()).toBe('UNKNOWN');
  expect(await monitor.health()).toMatchObject({ status: 'degraded' });
  expect(parsePrometheus(await telemetry.prometheusText()).has('db_pool_size')).toBe(false);
});

it('leaves the pool alone once closed', async () => {
  const pool = new ScriptedPool();
  const { monitor } = watch(pool);
  await monitor.close();
  await monitor.close();
  expect(pool.listeners()).toBe(0);
  expect(await telemetry.prometheusText()).not.toContain('db_pool_size');
});
