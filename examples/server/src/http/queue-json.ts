import { isQueueError, type QueueIssue } from '@holdfast/queue';
import { jsonSchema, type Snake } from '@holdfast/queue/schemas';
import { z } from '@hono/zod-openapi';
import { named } from './routes.js';
import { invalidFields } from './to-problem.js';

/** The JSON schema of what the queue's management surface gives, under its name in the document. */
export const jsonOf = <Out, In>(
  id: string,
  schema: z.ZodType<Out, In>,
): z.ZodType<Snake<Out>, Snake<In>> => named(id, jsonSchema(schema));

/** An input without `by`: who does it is who shows the key. */
export function bodyOf<Out, In>(
  schema: z.ZodType<Out, In>,
): z.ZodType<Omit<Snake<Out>, 'by'>, Omit<Snake<In>, 'by'>> {
  const body: z.ZodType = jsonSchema(schema);
  const without = body instanceof z.ZodObject ? body.omit({ by: true }) : body;
  return without as z.ZodType<Omit<Snake<Out>, 'by'>, Omit<Snake<In>, 'by'>>;
}

/** An object without what is undefined, for options that are either given or absent. */
export function given<T extends object>(
  fields: {
    [Key in keyof T]: T[Key] | undefined;
  },
): T {
  const present = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(present) as T;
}

/** `input.filter.finishedFrom` as the field was sent. */
const sentAs = (path: string): string =>
  path
    .replace(/^(?:options|input)\./, '')
    .replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    .replace(/(?<=^|\.)(?:delay|every)$/, '$&_ms');

/** A call of the queue with what a request said: what it refuses are fields of the request that break rules. */
export async function queueProblem<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    const issues = isQueueError(error) ? error.details?.issues : undefined;
    if (!Array.isArray(issues)) throw error;
    throw invalidFields(
      (issues as QueueIssue[]).map(({ path, rule, received }) => ({
        path: sentAs(path),
        rule: `must be ${rule}`,
        received,
      })),
    );
  }
}
