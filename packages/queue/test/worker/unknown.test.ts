import { expect, it } from 'vitest';
import { defineTask, type Logger } from '../../src/index.js';
import { silentLogger } from '../../src/logger.js';
import { closed, setUp } from './support.js';

it('a worker tells once of each name that it has no handler for, and of no end of them', async () => {
  const told: unknown[] = [];
  const logger: Logger = {
    ...silentLogger,
    warn: (fields) => told.push(Reflect.get(fields, 'name')),
  };
  const { clock, queue, worker } = await setUp(() => undefined, { logger });
  const strange = (n: number) => ({ task: defineTask(`strange-${n}`), payload: null });
  await queue.enqueueMany([strange(0), strange(0)]);
  await clock.advance(60_000); // handed back and claimed again, many times
  expect(told).toEqual(['strange-0']);
  await queue.enqueueMany(Array.from({ length: 500 }, (_, n) => strange(n)));
  await clock.advance(60_000);
  expect(told.length).toBe(100);
  expect(new Set(told).size).toBe(100);
  await closed(worker, clock);
});
