import type { LookupFunction } from 'node:net';
import type { Agent, Dispatcher } from 'undici';
import { LIMITS, storableText } from '../limits.js';
import type { Clock } from '../ports.js';
import type { TraceCarrier } from '../types.js';
import type { AddressPolicy } from './address-policy.js';
import { guardedAgent } from './guarded-agent.js';
import { type SigningKey, signatureHeader } from './sign.js';
import type { AttemptResult } from './verdict.js';

const MAX_RESPONSE_BYTES = 65_536;
const MAX_CONNECT_MS = 5_000;
const USER_AGENT = 'holdfast-messaging';
/** Not the baggage: it is ours, and the receiver somebody else (W3C Baggage, section 5, "Privacy considerations"). */
const CARRIED_HEADERS = ['traceparent', 'tracestate'] as const;

/** One webhook to send. */
export interface WebhookRequest {
  /** The `webhook-id`. */
  readonly id: string;
  readonly url: string;
  readonly body: string;
  /** Number of the attempt, from 1. */
  readonly attempt: number;
  readonly requestId: string | null;
  readonly carrier: TraceCarrier;
  /** Ends the attempt early. */
  readonly signal: AbortSignal;
}

/** Options of {@link WebhookSender}. */
export interface WebhookSenderOptions {
  readonly keys: readonly SigningKey[];
  readonly policy: AddressPolicy;
  readonly timeoutMs: number;
  readonly perHost: number;
  readonly clock: Clock;
  /** Resolves names. @defaultValue the system's */
  readonly lookup?: LookupFunction;
}

function errorCodeOf(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return String(signal.reason);
  let current: unknown = error;
  for (let depth = 0; depth < 4 && current instanceof Error; depth += 1) {
    if ('code' in current && typeof current.code === 'string') return current.code;
    current = current instanceof AggregateError ? current.errors[0] : current.cause;
  }
  return 'UNKNOWN';
}

const single = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value[0] : value;

/** Signs webhooks and sends them, one attempt a call. Never throws: what went wrong is in the result. */
export class WebhookSender {
  readonly #agent: Agent;
  readonly #options: WebhookSenderOptions;

  constructor(options: WebhookSenderOptions) {
    this.#options = options;
    this.#agent = guardedAgent({
      policy: options.policy,
      connections: options.perHost,
      connectTimeoutMs: Math.min(MAX_CONNECT_MS, options.timeoutMs),
      maxResponseBytes: MAX_RESPONSE_BYTES,
      ...(options.lookup === undefined ? {} : { lookup: options.lookup }),
    });
  }

  async send(request: WebhookRequest): Promise<AttemptResult> {
    // undici's own time limits tick in half seconds and cover each phase alone; this one covers the whole.
    const abort = new AbortController();
    const timer = this.#options.clock.setTimeout(
      () => abort.abort('TIMEOUT'),
      this.#options.timeoutMs,
    );
    const stop = (): void => abort.abort(request.signal.reason);
    if (request.signal.aborted) stop();
    else request.signal.addEventListener('abort', stop, { once: true });
    try {
      return await this.#request(request, abort.signal);
    } catch (error) {
      // It may quote the receiver, for instance the names of its certificate.
      const text = error instanceof Error ? error.message : String(error);
      const message = storableText(text, LIMITS.errorText);
      const errorCode = errorCodeOf(error, abort.signal);
      return { httpStatus: null, errorCode, error: message, retryAfter: undefined, abort: false };
    } finally {
      timer.clear();
      request.signal.removeEventListener('abort', stop);
    }
  }

  /** Closes the connections. Attempts in flight fail. */
  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #request(request: WebhookRequest, signal: AbortSignal): Promise<AttemptResult> {
    const url = new URL(request.url);
    const { statusCode, headers, body } = await this.#agent.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method: 'POST',
      headers: this.#headers(request),
      body: request.body,
      signal,
    });
    await drain(body);
    const failed = statusCode < 200 || statusCode >= 300;
    return {
      httpStatus: statusCode,
      errorCode: failed ? `HTTP_${statusCode}` : null,
      error: failed ? `The receiver answered ${statusCode}` : null,
      retryAfter: single(headers['retry-after']),
      abort: single(headers['webhook-delivery']) === 'abort-message',
    };
  }

  #headers(request: WebhookRequest): Record<string, string> {
    const timestamp = Math.floor(this.#options.clock.now() / 1_000);
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      'user-agent': USER_AGENT,
      'webhook-id': request.id,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': signatureHeader(this.#options.keys, {
        id: request.id,
        timestamp,
        body: request.body,
      }),
      'webhook-attempt': String(request.attempt),
    };
    if (request.requestId !== null) headers['x-request-id'] = request.requestId;
    for (const name of CARRIED_HEADERS) {
      const value = request.carrier[name];
      if (value !== undefined) headers[name] = value;
    }
    return headers;
  }
}

/** The status line has decided: an answer that is too long, breaks off or comes too late changes nothing. */
async function drain(body: Dispatcher.ResponseData['body']): Promise<void> {
  try {
    await body.dump({ limit: MAX_RESPONSE_BYTES });
  } catch {
    body.destroy();
  }
}
