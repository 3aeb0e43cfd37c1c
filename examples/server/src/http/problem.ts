import { currentRequestId } from '@holdfast/observability';
import { z } from '@hono/zod-openapi';
import { PROBLEMS_PATH, type ProblemKind, problemKind } from './problem-kinds.js';

/** One field of a request that broke a rule. */
export interface FieldProblem {
  /** The field's name on the wire; a header by its name. */
  readonly path: string;
  readonly rule: string;
  /** What was received, shortened. */
  readonly received: string;
}

/** Options of {@link HttpProblem}. */
export interface HttpProblemOptions {
  readonly errors?: readonly FieldProblem[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** Thrown by anything that answers a request: becomes an RFC 9457 problem response. */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem';
  readonly kind: ProblemKind;
  readonly errors: readonly FieldProblem[] | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: string, detail: string, options: HttpProblemOptions = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = problemKind(code);
    this.errors = options.errors;
    this.headers = options.headers ?? {};
  }
}

/** The body of every response that tells of a failure (RFC 9457). */
export const problemSchema = z
  .object({
    type: z.string().meta({
      description: 'Where this kind of problem is described',
      example: `${PROBLEMS_PATH}#REQUEST_INVALID`,
    }),
    title: z.string().meta({ example: 'The request breaks rules' }),
    status: z.int().meta({ example: 422 }),
    detail: z.string().meta({ example: 'client_id must be a string of 1 to 255 characters' }),
    instance: z.string().meta({ description: 'Path of the request', example: '/v1/messages' }),
    code: z.string().meta({ description: 'Name for programs', example: 'REQUEST_INVALID' }),
    request_id: z.string().nullable().meta({ description: 'The X-Request-ID of the response' }),
    errors: z
      .array(z.object({ path: z.string(), rule: z.string(), received: z.string() }))
      .optional()
      .meta({ description: 'Every field that breaks a rule' }),
  })
  .meta({ id: 'Problem', description: 'What went wrong (RFC 9457)' });

/** A problem as JSON. */
export type ProblemJson = z.infer<typeof problemSchema>;

/** Makes the response of a problem. */
export function problemResponse(problem: HttpProblem, instance: string): Response {
  const { kind, errors } = problem;
  const body: ProblemJson = {
    type: `${PROBLEMS_PATH}#${kind.code}`,
    title: kind.title,
    status: kind.status,
    detail: problem.message,
    instance,
    code: kind.code,
    request_id: currentRequestId() ?? null,
    ...(errors === undefined ? {} : { errors: [...errors] }),
  };
  return new Response(JSON.stringify(body), {
    status: kind.status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      ...(kind.status === 503 ? { 'retry-after': '2' } : {}),
      ...problem.headers,
    },
  });
}
