import { z } from 'zod';

/** Name of a queue. */
export const queueName: z.ZodString = z
  .string()
  .min(1)
  .max(200)
  .describe('Name of a queue')
  .meta({ examples: ['emails'] });

/** A time. */
export const time: z.ZodISODateTime = z.iso
  .datetime()
  .meta({ examples: ['2026-03-01T12:00:00.000Z'] });

/** How many. */
export const count: z.ZodInt = z.int().min(0);
