import { testDatabases } from '@holdfast/sql/testing';
import { describe, expect, it } from 'vitest';
import { createHealth, monitorPool, startTelemetry } from '../src/index.js';
import { parsePrometheus, sampleOf } from './support/parse-prometheus.js';

for (const database of testDatabases()) {
  describe.skipIf(!database.available)(`a pool of ${database.name}`, () => {
    it('is measured and stays open when it is no longer watched', async () => {
      await using telemetry = startTelemetry({ service: 'shop', runtimeMetrics: false });
      await using db = await database.open();
      const monitor = monitorPool(db);
      const health = createHealth();
      health.register('database', db);
      health.register('pool', monitor);
      await db.query('select 1 as one');
      await db.query('select nothing from nowhere').catch(() => {});
      expect(await health.ready()).toMatchObject({ ready: true, status: 'healthy' });
      const families = parsePrometheus(await telemetry.prometheusText());
      const queries = 'db_pool_query_duration_seconds_count';
      expect(sampleOf(families, queries, { outcome: 'ok' })).toBeGreaterThanOrEqual(1);
      expect(sampleOf(families, queries, { outcome: 'error' })).toBe(1);
      expect(sampleOf(families, 'db_pool_max')).toBe(db.stats().max);
      expect(sampleOf(families, 'db_pool_acquire_duration_seconds_count')).toBeGreaterThan(0);
      await monitor.close();
      expect((await db.query('select 2 as two')).rows).toEqual([{ two: 2 }]);
    });
  });
}
