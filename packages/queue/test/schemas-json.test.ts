import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createQueue, defineTask, memoryStore, QueueAdmin } from '../src/index.js';
import * as schemas from '../src/schemas.js';
import { fromJson, jsonSchema, toJson } from '../src/schemas.js';

describe('the JSON of plain data', () => {
  it('has every field in snake_case, and what is the user’s own as it was', async () => {
    const store = memoryStore();
    const own = { camelCase: { innerName: 1 } };
    await createQueue('q', { store }).enqueue(defineTask('t'), own, {
      headers: { 'X-Own': 'a', ownName: 'b' },
      group: 'ownGroup',
    });
    const admin = new QueueAdmin({ store });
    const page = toJson(schemas.taskPageSchema, await admin.list());
    expect(jsonSchema(schemas.taskPageSchema).parse(page)).toEqual(page);
    expect(page).toMatchObject({
      next_cursor: null,
      items: [{ payload: own, max_attempts: 10, idempotency_key: null, group: 'ownGroup' }],
    });
    expect(page.items[0]?.headers).toEqual({ 'X-Own': 'a', ownName: 'b' });
    const limits = { groupDefaults: { concurrency: 1 }, groups: { ownGroup: { weight: 2 } } };
    const queue = toJson(schemas.queueInfoSchema, await admin.setLimits('q', limits));
    expect(queue.limits).toMatchObject({ group_defaults: { concurrency: 1 } });
    expect(queue.limits?.groups).toMatchObject({ ownGroup: { weight: 2 } });
  });

  it('is read back by the same schema, with its defaults and rules', () => {
    const schema = schemas.redriveManySchema;
    const json = { every_ms: 5, filter: { finished_from: '2026-01-01T00:00:00.000Z' } };
    const input = fromJson(schema, jsonSchema(schema).parse(json));
    expect(input).toEqual({
      everyMs: 5,
      filter: { finishedFrom: '2026-01-01T00:00:00.000Z' },
      limit: 1_000,
    });
    const refused = jsonSchema(schema).safeParse({ everyMs: 5, filter: { ids: ['x'] } });
    const paths = refused.error?.issues.map(({ path, code }) => [path.join('.'), code]);
    expect(paths).toEqual([
      ['filter.ids.0', 'invalid_format'],
      ['', 'unrecognized_keys'],
    ]);
    const groups = Object.fromEntries(Array.from({ length: 1_001 }, (_, n) => [`g${n}`, null]));
    expect(jsonSchema(schemas.limitsInputSchema).safeParse({ groups }).success).toBe(false);
  });

  it('keeps descriptions and has no name in camelCase, in any schema', () => {
    for (const [name, schema] of Object.entries(schemas)) {
      if (!(schema instanceof z.ZodType)) continue;
      const text = JSON.stringify(z.toJSONSchema(jsonSchema(schema as z.ZodType), { io: 'input' }));
      const names = [...text.matchAll(/"(\w+)":\{/g)].map(([, field = '']) => field);
      const kept = ['additionalProperties', 'propertyNames', 'anyOf'];
      expect([name, names.filter((one) => /[A-Z]/.test(one) && !kept.includes(one))]).toEqual([
        name,
        [],
      ]);
    }
    const described = JSON.stringify(z.toJSONSchema(jsonSchema(schemas.taskSchema)));
    expect(described).toContain('Start of the last claim');
  });
});
