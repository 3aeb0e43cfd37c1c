import type { Meter, MeterOptions, MetricOptions } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import { type CollectionResult, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';

/** Upper bounds, in seconds, for histograms named `…_seconds` that bring none: from a cache hit to a slow report. */
const SECONDS_BUCKETS: number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

/** Reads metrics when asked: nothing is collected between two scrapes. */
class PullReader extends MetricReader {
  protected override onShutdown(): Promise<void> {
    return Promise.resolve();
  }

  protected override onForceFlush(): Promise<void> {
    return Promise.resolve();
  }
}

/**
 * The SDK's meter provider, but a histogram of seconds without buckets of its own gets buckets of seconds: the SDK's
 * default ones (0, 5, 10, 25 … 10000) would put all of them into the first.
 */
class SecondsMeterProvider extends MeterProvider {
  override getMeter(name: string, version?: string, options?: MeterOptions): Meter {
    const meter = super.getMeter(name, version, options);
    const derived: Meter = Object.create(meter);
    derived.createHistogram = (instrument, given) =>
      meter.createHistogram(instrument, withBuckets(instrument, given));
    return derived;
  }
}

function withBuckets(instrument: string, given: MetricOptions | undefined): MetricOptions {
  if (!instrument.endsWith('_seconds') || given?.advice?.explicitBucketBoundaries !== undefined) {
    return given ?? {};
  }
  return { ...given, advice: { ...given?.advice, explicitBucketBoundaries: SECONDS_BUCKETS } };
}

/** A meter provider and the way to read it. */
export interface MetricSource {
  readonly provider: MeterProvider;
  /** Reads every instrument once. */
  collect(): Promise<CollectionResult>;
}

/** Makes the meter provider; each metric keeps at most `maxSeries` series. */
export function createMetricSource(resource: Resource, maxSeries: number): MetricSource {
  const reader = new PullReader({ cardinalitySelector: () => maxSeries });
  const provider = new SecondsMeterProvider({ resource, readers: [reader] });
  return { provider, collect: () => reader.collect({ timeoutMillis: 5_000 }) };
}
