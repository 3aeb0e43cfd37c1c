import { z } from 'zod';
import { isStorable } from '../options.js';

/** A text of 1 to `max` characters that every store gives back as it was. */
export const storedText = (max: number): z.ZodString =>
  z.string().min(1).max(max).refine(isStorable, 'without NUL or half a surrogate pair');

/** Name of a queue. */
export const queueName: z.ZodString = storedText(200)
  .describe('Name of a queue')
  .meta({ examples: ['emails'] });

/** A time. */
export const time: z.ZodISODateTime = z.iso
  .datetime()
  .meta({ examples: ['2026-03-01T12:00:00.000Z'] });

/** Who does something. */
export const by: z.ZodOptional<z.ZodString> = storedText(200).optional().describe('Who does it');

/** Why. */
export const reason: z.ZodOptional<z.ZodString> = storedText(1_000).optional().describe('Why');

/** Paging of every list. */
export const paging: {
  limit: z.ZodDefault<z.ZodInt>;
  cursor: z.ZodOptional<z.ZodNullable<z.ZodString>>;
} = {
  limit: z.int().min(1).max(500).default(50),
  cursor: z.string().max(2_048).nullish().describe('`nextCursor` of the page before'),
};

/** How many. */
export const count: z.ZodInt = z.int().min(0);
