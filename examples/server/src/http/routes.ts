import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { problemSchema } from './problem.js';

/** What a request carries from one middleware to the next. */
export interface RequestVariables {
  /** Who calls, for the history: which key was shown, or `local`. Never the key itself. */
  caller: string;
  /** The body as parsed, before any schema saw it. */
  body: unknown;
}

/** Hono's types for this server. */
export interface ServerEnv {
  Variables: RequestVariables;
  /** Node's own objects; absent when a test calls the app without a server. */
  Bindings: { incoming?: { socket?: { remoteAddress?: string } } };
}

/** The address that a request came from, as far as it is known. */
export function remoteAddress(c: Context<ServerEnv>): string | undefined {
  return c.env?.incoming?.socket?.remoteAddress;
}

/** A JSON response or body of a route. */
export const json = <Schema extends z.ZodType>(schema: Schema, description: string) => ({
  description,
  content: { 'application/json': { schema } },
});

/** A JSON body that must be there. */
export const jsonRequest = <Schema extends z.ZodType>(schema: Schema, description: string) => ({
  ...json(schema, description),
  required: true,
});

const problem = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: problemSchema } },
});

/** Problems that a route may answer with, by status. */
export const problems = {
  400: problem('The body is not JSON in UTF-8'),
  401: problem('No valid API key was shown'),
  404: problem('There is no such thing'),
  409: problem('It cannot be done now'),
  413: problem('The body is too large'),
  415: problem('The body is not application/json'),
  422: problem('The request breaks rules; `errors` names each field'),
  503: problem('The server cannot work now; try again after Retry-After seconds'),
} as const;

/** Problems of every route that needs a key. */
export const commonProblems = { 401: problems[401], 422: problems[422], 503: problems[503] };

/** Problems of every route that reads a body. */
export const bodyProblems = {
  ...commonProblems,
  400: problems[400],
  413: problems[413],
  415: problems[415],
};

/** Gives a schema the name it has in the document. */
export function named<Schema extends z.ZodType>(id: string, schema: Schema): Schema {
  return schema.meta({ ...schema.meta(), id });
}

/** The `{id}` of a path. Whether there is such a thing is the answer's business: a malformed id is a 404, too. */
export const idParams = z.object({
  id: z.string().meta({ description: 'A UUID', example: '019b3f6e-2c11-7d4e-8a2b-5f0c9e7d1a34' }),
});

/** Why something is deleted: a DELETE has no body. */
export const reasonQuery = z.strictObject({
  reason: z.string().min(1).max(1_000).optional().meta({ description: 'Why' }),
});

/** Paging of every list. */
export const pageQuery = {
  limit: z.coerce
    .number({ error: 'must be a whole number from 1 to 500' })
    .int({ error: 'must be a whole number from 1 to 500' })
    .min(1, { error: 'must be at least 1' })
    .max(500, { error: 'must be at most 500' })
    .default(50)
    .meta({ description: 'Items a page' }),
  cursor: z
    .string()
    .max(2_048)
    .optional()
    .meta({ description: 'The `next_cursor` of the page before' }),
};

/** One page of a list. */
export const pageOf = <Item extends z.ZodType>(item: Item) =>
  z.object({
    items: z.array(item),
    next_cursor: z
      .string()
      .nullable()
      .meta({ description: 'Gives the next page; null at the end' }),
  });
