import { type Attributes, type Span, trace } from '@opentelemetry/api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, type SqlDatabase } from '../src/index.js';
import { RecordingTracing } from './support/recording-tracing.js';

describe('tracing', () => {
  const tracing = new RecordingTracing();
  let db: SqlDatabase;

  beforeAll(async () => {
    tracing.install();
    db = await openDatabase({ memory: true });
    await db.exec('CREATE TABLE traced (id int PRIMARY KEY)');
  });
  afterAll(async () => {
    await db.close();
    tracing.uninstall();
  });

  const inTrace = async (fn: () => Promise<unknown>) => {
    tracing.spans.length = 0;
    await trace.getTracer('test').startActiveSpan('parent', async (span: Span) => {
      await fn().catch(() => {});
      span.end();
    });
    return tracing.spans.filter(({ name }) => name !== 'parent');
  };

  it('makes a span of each statement of a trace, without parameter values', async () => {
    const spans = await inTrace(() =>
      db.query('INSERT INTO traced VALUES ($1), ($2)', [1, 424242]),
    );
    expect(spans).toHaveLength(1);
    expect(spans[0]).toMatchObject({
      name: 'INSERT',
      ended: true,
      attributes: {
        'db.system.name': 'postgresql',
        'db.query.text': 'INSERT INTO traced VALUES ($1), ($2)',
        'holdfast.consequence': 'rows.changed',
        'holdfast.consequence.value': 2,
      } satisfies Attributes,
    });
    expect(JSON.stringify(spans)).not.toContain('424242');
  });

  it('puts the statements of a transaction under a span of its own', async () => {
    const spans = await inTrace(() => db.transaction((tx) => tx.query('SELECT * FROM traced')));
    expect(spans.map(({ name, parent }) => [name, parent])).toEqual([
      ['transaction', 'parent'],
      ['BEGIN', 'transaction'],
      ['SELECT', 'transaction'],
      ['COMMIT', 'transaction'],
    ]);
    expect(spans[2]?.attributes).not.toHaveProperty('holdfast.consequence');
  });

  it('marks what failed with the SQLSTATE', async () => {
    const spans = await inTrace(() => db.query('SELECT * FROM nowhere'));
    expect(spans[0]).toMatchObject({
      ended: true,
      failed: true,
      attributes: { 'error.type': '42P01' },
    });
  });

  it('makes no trace of statements that belong to none', async () => {
    tracing.spans.length = 0;
    await db.query('SELECT 1');
    await db.transaction((tx) => tx.query('SELECT 1'));
    expect(tracing.spans).toEqual([]);
  });
});
