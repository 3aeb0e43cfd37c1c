import { describe, expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import {
  createQueue,
  defineTask,
  handle,
  memoryStore,
  type StandardResult,
  type StandardSchema,
} from '../src/index.js';
import { drain } from '../src/testing.js';

/** A schema of no library: takes the text of a number and gives the number. */
function numberText(isAsync: boolean): StandardSchema<string, number> {
  const validate = (value: unknown): StandardResult<number> =>
    typeof value === 'string' && value.trim() !== '' && Number.isFinite(Number(value))
      ? { value: Number(value) }
      : { issues: [{ message: 'no text of a number', path: [{ key: 'n' }] }] };
  return {
    '~standard': {
      version: 1,
      vendor: 'own',
      validate: isAsync ? async (value) => validate(value) : validate,
    },
  };
}

describe.each([
  ['that answers at once', false],
  ['that answers with a promise', true],
])('a Standard Schema of any library %s', (_, isAsync) => {
  it('checks the payload at both ends, and the result', async () => {
    const schema = numberText(isAsync);
    const double = defineTask('double', { payload: schema, result: schema });
    const queue = createQueue('q', { store: memoryStore(), retry: { attempts: 1 } });
    const refused = queue.enqueue(double, 'three');
    await expect(refused).rejects.toMatchObject({ code: 'QUEUE_PAYLOAD_INVALID' });
    await expect(refused).rejects.toThrow('`payload.n` to be valid (no text of a number)');
    const { id } = await queue.enqueue(double, '21');
    const bad = await queue.enqueue(double, '1');
    const seen: number[] = [];
    await drain(queue, [
      handle(double, (n) => {
        seen.push(n);
        return n === 21 ? String(2 * n) : 'nothing';
      }),
    ]);
    expect(seen).toEqual([21, 1]);
    const found = await queue.store.find({ ids: [id, bad.id] }, { order: 'oldest', limit: 2 });
    expect(found.map(({ state, result }) => [state, result])).toEqual([
      ['completed', '42'],
      ['dead', null],
    ]);
    expect(found[1]?.history).toMatchObject([{ code: 'QUEUE_RESULT_INVALID' }]);
  });
});

it('the types of payloads and results are those of the schemas', async () => {
  const queue = createQueue('q', { store: memoryStore() });
  const visit = defineTask('visit', {
    payload: z.object({ at: z.iso.datetime().transform((text) => new Date(text)) }),
    result: z.object({ year: z.number() }),
  });
  await queue.enqueue(visit, { at: '2026-05-01T00:00:00Z' });
  // @ts-expect-error the payload is what goes in, not what comes out
  await expect(queue.enqueue(visit, { at: 5 })).rejects.toThrow('`payload.at`');
  const handler = handle(visit, ({ at }) => {
    expectTypeOf(at).toEqualTypeOf<Date>();
    return { year: at.getUTCFullYear() };
  });
  // @ts-expect-error a handler returns what its schema takes
  handle(visit, () => ({ year: 'x' }));
  expect(await drain(queue, [handler])).toMatchObject({ completed: 1 });
});
