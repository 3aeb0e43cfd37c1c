import { type Span, SpanKind, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api';
import type { SessionResult } from './session.js';
import { sqlState } from './sql-state.js';
import { VERSION } from './version.js';

const CHANGES = new Set(['INSERT', 'UPDATE', 'DELETE', 'MERGE']);
/** Longest statement text that is put on a span. */
const TEXT_LIMIT = 2_000;

let tracer: Tracer | undefined;

function getTracer(): Tracer {
  tracer ??= trace.getTracer('@holdfast/sql', VERSION);
  return tracer;
}

/**
 * Runs a statement in a client span, where it is part of a trace that is recorded; parameter values are never on it.
 * Statements outside of any trace, such as polls in the background, make no traces of their own.
 */
export function traceStatement(
  text: string,
  statement: () => Promise<SessionResult>,
): Promise<SessionResult> {
  if (trace.getActiveSpan()?.isRecording() !== true) return statement();
  return traced(text, statement);
}

async function traced(
  text: string,
  statement: () => Promise<SessionResult>,
): Promise<SessionResult> {
  const operation = /[a-z]+/i.exec(text)?.[0].toUpperCase() ?? 'SQL';
  const span = getTracer().startSpan(operation, {
    kind: SpanKind.CLIENT,
    attributes: {
      'db.system.name': 'postgresql',
      'db.operation.name': operation,
      'db.query.text': text.slice(0, TEXT_LIMIT),
    },
  });
  try {
    const result = await statement();
    noteConsequence(span, result);
    return result;
  } catch (error) {
    noteFailure(span, error);
    throw error;
  } finally {
    span.end();
  }
}

/** Runs a transaction in a span, under the same condition, so that its statements stand together. */
export async function traceTransaction<T>(transaction: () => Promise<T>): Promise<T> {
  if (trace.getActiveSpan()?.isRecording() !== true) return transaction();
  return getTracer().startActiveSpan('transaction', async (span) => {
    try {
      return await transaction();
    } catch (error) {
      noteFailure(span, error);
      throw error;
    } finally {
      span.end();
    }
  });
}

function noteConsequence(span: Span, result: SessionResult): void {
  if (result.rowCount === 0 || !CHANGES.has(result.command)) return;
  span.setAttribute('holdfast.consequence', 'rows.changed');
  span.setAttribute('holdfast.consequence.value', result.rowCount);
}

function noteFailure(span: Span, error: unknown): void {
  const state = sqlState(error);
  if (state !== undefined) span.setAttribute('db.response.status_code', state);
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'Error';
  span.setAttribute('error.type', state ?? code);
  span.setStatus({ code: SpanStatusCode.ERROR, message: String(error) });
}
