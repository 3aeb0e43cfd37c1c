import { type Attributes, metrics, propagation, trace } from '@opentelemetry/api';
import {
  CompositePropagator,
  W3CBaggagePropagator,
  W3CTraceContextPropagator,
} from '@opentelemetry/core';
import { type Resource, resourceFromAttributes } from '@opentelemetry/resources';
import type { CollectionResult } from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-base';
import { durationOption, numberOption, textOption } from './checks.js';
import { installContext } from './context-manager.js';
import type { Duration } from './duration.js';
import { ObservabilityError } from './errors.js';
import type { Logger } from './logger.js';
import { createMetricSource } from './metric-source.js';
import { renderPrometheus } from './prometheus-text.js';
import { RequestIdProcessor } from './request-id-processor.js';
import {
  monitorRuntime,
  type RuntimeMonitor,
  type RuntimeStats,
  recordRuntime,
} from './runtime-metrics.js';
import { silentLogger } from './silent-logger.js';
import { type ExportCounts, guardedExporter, type SpanExporter } from './span-exporter.js';
import { PACKAGE_NAME, PACKAGE_VERSION } from './version.js';
import { within } from './within.js';

/** Options of {@link startTelemetry}. */
export interface TelemetryOptions {
  /** Name of the service: `service.name` of the resource. */
  service: string;
  /** @defaultValue not set */
  version?: string;
  /** `deployment.environment.name` of the resource. @defaultValue not set */
  environment?: string;
  /** Further attributes of the resource. @defaultValue none */
  attributes?: Attributes;
  /**
   * Share of new traces that is recorded, 0 to 1. A trace that another service began keeps that service's decision.
   * @defaultValue 1
   */
  sampleRatio?: number;
  /**
   * Where finished spans go, in batches: an OTLP exporter, {@link memorySpanExporter}, or any other that takes spans
   * of OpenTelemetry's SDK 2 or 3.
   * @defaultValue none: spans give ids to logs and outgoing requests, and are then forgotten
   */
  exporters?: readonly SpanExporter[];
  /** Longest time a finished span waits for its batch. @defaultValue `'5s'` */
  exportDelay?: Duration;
  /** Series a metric may have; what comes after is counted in one series whose labels are all `other`. @defaultValue 1000 */
  maxSeries?: number;
  /** Records metrics of the process, its event loop and its garbage collection. @defaultValue true */
  runtimeMetrics?: boolean;
  /** Is told of failing exporters and of metrics with too many series. @defaultValue silent */
  logger?: Logger;
}

/** What `close` did. */
export interface CloseReport {
  /** Whether everything was handed over before the deadline. */
  readonly drained: boolean;
  /** How long it took. */
  readonly durationMs: number;
}

/** Running telemetry. */
export interface Telemetry extends AsyncDisposable {
  /** Every metric of the process in Prometheus text format 0.0.4. Never rejects. */
  prometheusText(): Promise<string>;
  /** Event loop and memory, as the metrics show them. */
  runtime(): RuntimeStats;
  /** Spans handed to exporters, and spans that exporters did not take. */
  spanCounts(): Readonly<ExportCounts>;
  /** Hands finished spans to the exporters now. */
  flush(): Promise<void>;
  /**
   * Flushes within the deadline, then unregisters. Always resolves. Idempotent.
   * The deadline defaults to 5 seconds.
   */
  close(options?: { deadline?: Duration }): Promise<CloseReport>;
}

const MAX_QUEUED_SPANS = 8_192;

/**
 * Starts tracing, metrics and context propagation for the whole process. Call it before whatever records metrics is
 * made: OpenTelemetry's meters made earlier stay silent.
 *
 * @throws ObservabilityError `OBSERVABILITY_TELEMETRY_CONFLICT` when tracing or metrics are registered already
 */
export function startTelemetry(options: TelemetryOptions): Telemetry {
  const ratio = numberOption('sampleRatio', options.sampleRatio ?? 1, 0, 1);
  const maxSeries = numberOption('maxSeries', options.maxSeries ?? 1_000, 2, 1_000_000);
  const delayMs = durationOption('exportDelay', options.exportDelay ?? '5s');
  const resource = describeService(options);
  const logger = options.logger ?? silentLogger;
  const counts: ExportCounts = { exported: 0, failed: 0 };
  const tracing = new BasicTracerProvider({
    resource,
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
    spanProcessors: [
      new RequestIdProcessor(),
      ...(options.exporters ?? []).map(
        (exporter) =>
          new BatchSpanProcessor(guardedExporter(exporter, counts, logger), {
            scheduledDelayMillis: delayMs,
            maxQueueSize: MAX_QUEUED_SPANS,
          }),
      ),
    ],
  });
  const source = createMetricSource(resource, maxSeries);
  installContext();
  register(tracing, source.provider);
  const runtime = monitorRuntime();
  const meter = source.provider.getMeter(PACKAGE_NAME, PACKAGE_VERSION);
  observeSpanCounts(meter, counts);
  const stopRuntime = options.runtimeMetrics === false ? () => {} : recordRuntime(meter, runtime);
  return new RunningTelemetry({
    tracing,
    collect: () => source.collect(),
    runtime,
    counts,
    logger,
    stop: async () => {
      stopRuntime();
      runtime.stop();
      await source.provider.shutdown();
    },
  });
}

function describeService(options: TelemetryOptions): Resource {
  return resourceFromAttributes({
    ...options.attributes,
    'service.name': textOption('service', options.service),
    ...(options.version === undefined ? {} : { 'service.version': options.version }),
    ...(options.environment === undefined
      ? {}
      : { 'deployment.environment.name': options.environment }),
  });
}

function register(
  tracing: BasicTracerProvider,
  metering: Parameters<typeof metrics.setGlobalMeterProvider>[0],
): void {
  const refuse = (what: string): never => {
    throw new ObservabilityError(
      'OBSERVABILITY_TELEMETRY_CONFLICT',
      `A provider of ${what} is registered with OpenTelemetry already: close it first, or leave out startTelemetry`,
    );
  };
  if (!trace.setGlobalTracerProvider(tracing)) refuse('traces');
  if (!metrics.setGlobalMeterProvider(metering)) {
    trace.disable();
    refuse('metrics');
  }
  propagation.setGlobalPropagator(
    new CompositePropagator({
      propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()],
    }),
  );
}

function observeSpanCounts(meter: ReturnType<typeof metrics.getMeter>, counts: ExportCounts): void {
  meter
    .createObservableCounter('holdfast_observability_spans_exported_total', {
      description: 'Spans that exporters took.',
    })
    .addCallback((result) => result.observe(counts.exported));
  meter
    .createObservableCounter('holdfast_observability_spans_failed_total', {
      description: 'Spans that exporters failed to take; they are lost.',
    })
    .addCallback((result) => result.observe(counts.failed));
}

interface Parts {
  readonly tracing: BasicTracerProvider;
  readonly collect: () => Promise<CollectionResult>;
  readonly runtime: RuntimeMonitor;
  readonly counts: ExportCounts;
  readonly logger: Logger;
  readonly stop: () => Promise<void>;
}

class RunningTelemetry implements Telemetry {
  readonly #parts: Parts;
  readonly #warned = new Set<string>();
  #closing: Promise<CloseReport> | undefined;
  #closed = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async prometheusText(): Promise<string> {
    if (this.#closed) return '';
    try {
      const collected = await this.#parts.collect();
      for (const err of collected.errors)
        this.#warnOnce(`collect ${String(err)}`, { err }, 'a metric could not be read');
      const { text, overflowed, conflicting } = renderPrometheus(collected);
      for (const metric of overflowed) {
        this.#warnOnce(
          metric,
          { metric },
          'metric has too many series; further ones count as `other`',
        );
      }
      for (const metric of conflicting) {
        this.#warnOnce(`${metric} type`, { metric }, 'metric left out: another type has its name');
      }
      return text;
    } catch (err) {
      this.#warnOnce('render', { err }, 'metrics could not be collected');
      return '';
    }
  }

  runtime(): RuntimeStats {
    return this.#parts.runtime.stats();
  }

  spanCounts(): Readonly<ExportCounts> {
    return { ...this.#parts.counts };
  }

  async flush(): Promise<void> {
    try {
      await this.#parts.tracing.forceFlush();
    } catch (err) {
      this.#parts.logger.warn({ module: 'telemetry', err }, 'spans could not be flushed');
    }
  }

  close(options: { deadline?: Duration } = {}): Promise<CloseReport> {
    this.#closing ??= this.#close(durationOption('deadline', options.deadline ?? '5s'));
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(deadlineMs: number): Promise<CloseReport> {
    const startedAt = performance.now();
    const outcome = await within(deadlineMs, this.#parts.tracing.shutdown());
    this.#closed = true;
    trace.disable();
    metrics.disable();
    propagation.disable();
    await within(deadlineMs, this.#parts.stop());
    return { drained: outcome === 'done', durationMs: performance.now() - startedAt };
  }

  #warnOnce(key: string, fields: object, message: string): void {
    if (this.#warned.has(key) || this.#warned.size >= 1_000) return;
    this.#warned.add(key);
    this.#parts.logger.warn({ module: 'telemetry', ...fields }, message);
  }
}
