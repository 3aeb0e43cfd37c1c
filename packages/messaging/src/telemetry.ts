import {
  type Attributes,
  type Context,
  context,
  type Meter,
  metrics,
  type ObservableCallback,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { isHeaderText, LIMITS } from './limits.js';
import type { TraceCarrier } from './types.js';

const NAME = '@holdfast/messaging';
const VERSION = '0.0.0';

/** Counters of one messaging object, since it was made. */
export interface MessagingStats {
  accepted: number;
  replayed: number;
  refused: number;
  responded: number;
  escalated: number;
  failed: number;
  processingSeconds: number;
  delivered: number;
  retried: number;
  dead: number;
  attempts: number;
  attemptSeconds: number;
  inFlightMessages: number;
  inFlightDeliveries: number;
  backlog: number;
}

/** All counters at zero. */
export function emptyStats(): MessagingStats {
  return {
    accepted: 0,
    replayed: 0,
    refused: 0,
    responded: 0,
    escalated: 0,
    failed: 0,
    processingSeconds: 0,
    delivered: 0,
    retried: 0,
    dead: 0,
    attempts: 0,
    attemptSeconds: 0,
    inFlightMessages: 0,
    inFlightDeliveries: 0,
    backlog: 0,
  };
}

type Reading = readonly [value: number, attributes?: Attributes];

interface Observation {
  readonly kind: 'counter' | 'gauge';
  readonly name: string;
  readonly description: string;
  readonly read: (stats: Readonly<MessagingStats>) => readonly Reading[];
}

const OBSERVATIONS: readonly Observation[] = [
  {
    kind: 'counter',
    name: 'holdfast_messaging_accepted_total',
    description: 'Messages handed in, by result',
    read: (stats) => [
      [stats.accepted, { result: 'accepted' }],
      [stats.replayed, { result: 'replayed' }],
      [stats.refused, { result: 'refused' }],
    ],
  },
  {
    kind: 'counter',
    name: 'holdfast_messaging_processed_total',
    description: 'Messages processed, by final status',
    read: (stats) => [
      [stats.responded, { status: 'responded' }],
      [stats.escalated, { status: 'escalated' }],
      [stats.failed, { status: 'failed' }],
    ],
  },
  {
    kind: 'counter',
    name: 'holdfast_messaging_processing_seconds_total',
    description: 'Time from accept to committed replies, summed over messages',
    read: (stats) => [[stats.processingSeconds]],
  },
  {
    kind: 'counter',
    name: 'holdfast_messaging_deliveries_total',
    description: 'Settled webhook attempts, by what became of the delivery',
    read: (stats) => [
      [stats.delivered, { result: 'delivered' }],
      [stats.retried, { result: 'retrying' }],
      [stats.dead, { result: 'dead' }],
    ],
  },
  {
    kind: 'counter',
    name: 'holdfast_messaging_delivery_attempts_total',
    description: 'Webhook attempts made',
    read: (stats) => [[stats.attempts]],
  },
  {
    kind: 'counter',
    name: 'holdfast_messaging_delivery_seconds_total',
    description: 'Time of webhook attempts, summed',
    read: (stats) => [[stats.attemptSeconds]],
  },
  {
    kind: 'gauge',
    name: 'holdfast_messaging_backlog',
    description: 'Unprocessed messages of all processes, as of the collection before',
    read: (stats) => [[stats.backlog]],
  },
  {
    kind: 'gauge',
    name: 'holdfast_messaging_in_flight',
    description: 'Work in hand in this process',
    read: (stats) => [
      [stats.inFlightMessages, { kind: 'message' }],
      [stats.inFlightDeliveries, { kind: 'delivery' }],
    ],
  },
];

function observe(
  meter: Meter,
  { kind, name, description, read }: Observation,
  stats: Readonly<MessagingStats>,
  onRead: () => void,
): () => void {
  const instrument =
    kind === 'counter'
      ? meter.createObservableCounter(name, { description })
      : meter.createObservableGauge(name, { description });
  const callback: ObservableCallback = (result) => {
    onRead();
    for (const [value, attributes] of read(stats)) result.observe(value, attributes);
  };
  instrument.addCallback(callback);
  return () => instrument.removeCallback(callback);
}

/**
 * Lets OpenTelemetry read the counters whenever it collects. Returns what ends it.
 *
 * @param onRead called at each collection, to bring up to date what the next one reads
 */
export function observeStats(stats: Readonly<MessagingStats>, onRead: () => void): () => void {
  const meter = metrics.getMeter(NAME, VERSION);
  const ends = OBSERVATIONS.map((observation) => observe(meter, observation, stats, onRead));
  return () => {
    for (const end of ends) end();
  };
}

const tracer = (): Tracer => trace.getTracer(NAME, VERSION);

/** The trace in progress as headers. */
export function currentCarrier(): TraceCarrier {
  const carrier: Record<string, string> = {};
  propagation.inject(context.active(), carrier);
  return carrier;
}

/** The request ID that travels as baggage. Whoever calls may write there what they like: what is no header is none. */
export function currentRequestId(): string | null {
  const value = propagation.getActiveBaggage()?.getEntry('request.id')?.value;
  return value !== undefined && isHeaderText(value, LIMITS.requestId) ? value : null;
}

/** What a span is to say. */
export interface SpanOptions {
  readonly kind: 'internal' | 'producer' | 'consumer' | 'client';
  /** Where the trace goes on from; the one in progress when absent. */
  readonly carrier?: TraceCarrier;
  readonly attributes: Attributes;
}

const KINDS = {
  internal: SpanKind.INTERNAL,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
  client: SpanKind.CLIENT,
} as const;

/** Runs `fn` inside a span that notes what it throws. */
export async function inSpan<T>(
  name: string,
  options: SpanOptions,
  fn: (span: Span) => Promise<T>,
): Promise<T> {
  const parent: Context =
    options.carrier === undefined
      ? context.active()
      : propagation.extract(context.active(), options.carrier);
  const { attributes } = options;
  const span = tracer().startSpan(name, { kind: KINDS[options.kind], attributes }, parent);
  try {
    return await context.with(trace.setSpan(parent, span), fn, undefined, span);
  } catch (error) {
    if (error instanceof Error) span.recordException(error);
    span.setStatus({ code: SpanStatusCode.ERROR });
    throw error;
  } finally {
    span.end();
  }
}
