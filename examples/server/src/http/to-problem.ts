import { fieldErrorsToJson } from '@holdfast/messaging/schemas';
import type { z } from 'zod';
import { type FieldProblem, HttpProblem } from './problem.js';
import { isProblemCode } from './problem-kinds.js';

const RECEIVED_MAX = 80;

/** A received value in a few words. */
export function describeReceived(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'string') {
    const short = value.length > RECEIVED_MAX ? `${value.slice(0, RECEIVED_MAX)}…` : value;
    return `${JSON.stringify(short)} (string of ${value.length})`;
  }
  if (Array.isArray(value)) return `array of ${value.length}`;
  return value !== null && typeof value === 'object' ? 'object' : String(value);
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value = root;
  for (const key of path) {
    if (value === null || typeof value !== 'object') return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

/** The fields that a schema refused. An unknown field is named itself. */
export function fieldProblems(
  error: z.core.$ZodError,
  input: unknown,
  wire: (path: string) => string = (path) => path,
): FieldProblem[] {
  return error.issues.flatMap((issue) => {
    const unknown = issue.code === 'unrecognized_keys' ? issue.keys : undefined;
    const paths = unknown?.map((key) => [...issue.path, key]) ?? [issue.path];
    return paths.map((path) => ({
      path: wire(path.map(String).join('.')) || '(body)',
      rule: unknown === undefined ? issue.message : 'must not be there: the field is not known',
      received: describeReceived(valueAt(input, path)),
    }));
  });
}

/** A problem that names every refused field. */
export function invalidFields(errors: readonly FieldProblem[]): HttpProblem {
  const first = errors[0];
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  const detail =
    first === undefined ? 'The request breaks rules' : `${first.path}: ${first.rule}${more}`;
  return new HttpProblem('REQUEST_INVALID', detail, { errors });
}

interface CodedError extends Error {
  readonly code: string;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

const isCoded = (error: unknown): error is CodedError =>
  error instanceof Error && 'code' in error && typeof error.code === 'string';

const isFieldErrors = (value: unknown): value is FieldProblem[] =>
  Array.isArray(value) && value.every((item) => typeof item?.path === 'string');

/**
 * What a failure is to the caller. What the caller cannot know or mend becomes `INTERNAL_ERROR` without particulars;
 * the log has them.
 */
export function toProblem(error: unknown): HttpProblem {
  if (error instanceof HttpProblem) return error;
  if (!isCoded(error)) return internal(error);
  if (isProblemCode(error.code)) {
    const errors = error.details?.errors;
    return new HttpProblem(error.code, error.message, {
      cause: error,
      ...(isFieldErrors(errors) ? { errors: fieldErrorsToJson(errors) } : {}),
    });
  }
  if (error.code.endsWith('_UNAVAILABLE') || error.code.endsWith('_CLOSED')) {
    return new HttpProblem('SERVICE_UNAVAILABLE', 'A part of the server is not reachable', {
      cause: error,
    });
  }
  if (error.code.endsWith('_TIMEOUT')) {
    return new HttpProblem('SERVICE_TIMEOUT', 'A part of the server took too long', {
      cause: error,
    });
  }
  return internal(error);
}

function internal(cause: unknown): HttpProblem {
  return new HttpProblem('INTERNAL_ERROR', 'The request failed for a reason inside the server', {
    cause,
  });
}

/**
 * A call of a management surface with what the request said: an option that it refuses is a field of the request that
 * breaks a rule, not a fault of the server.
 */
export async function requestProblem<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (!isCoded(error) || !error.code.endsWith('_OPTION_INVALID')) throw error;
    const errors = error.details?.errors;
    if (!isFieldErrors(errors)) {
      throw new HttpProblem('REQUEST_INVALID', error.message, { cause: error });
    }
    throw invalidFields(
      errors.map((field) => ({ ...field, path: field.path.replace(/^(?:options|input)\./, '') })),
    );
  }
}
