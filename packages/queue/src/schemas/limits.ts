import { z } from 'zod';
import type { LimitsInfo, LimitsInput } from '../admin/limits-data.js';
import { by, reason, storedText } from './parts.js';

const DAY_MS = 86_400_000;
const concurrency = z.int().min(0).max(1_000_000).nullable();
const rate = z
  .strictObject({
    max: z.int().min(1).max(1_000_000_000),
    windowMs: z.int().min(100).max(DAY_MS),
  })
  .nullable()
  .describe('At most `max` starts in any span of `windowMs` milliseconds, in all processes');
const priorities = z
  .strictObject({ min: z.int().min(-32_768).max(0), max: z.int().min(0).max(32_767) })
  .nullable()
  .describe('Which priorities tasks may have; 0, that of tasks which say none, is among them');
const groupLimits = z.strictObject({
  concurrency: concurrency.optional().describe('Most tasks that are ready or run at once'),
  rate: rate.optional(),
  weight: z.number().min(0.001).max(1_000).nullable().optional().describe('Part of the queue'),
});
const groupKey = storedText(200);

/** Input of `setLimits`. */
export const limitsInputSchema: z.ZodType<LimitsInput, LimitsInput> = z.strictObject({
  by,
  reason,
  concurrency: concurrency.optional().describe('Most tasks that run at once, in all processes'),
  rate: rate.optional(),
  priorities: priorities.optional(),
  groupDefaults: groupLimits.nullable().optional(),
  groups: z
    .record(groupKey, groupLimits.nullable())
    .refine((groups) => Object.keys(groups).length <= 1_000, 'at most 1000 groups at once')
    .optional(),
});

/** Limits of a queue. */
export const limitsSchema: z.ZodType<LimitsInfo> = z.object({
  concurrency,
  rate,
  priorities,
  groupDefaults: groupLimits.nullable(),
  groups: z.record(groupKey, groupLimits),
});
