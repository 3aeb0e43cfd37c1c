import { type Attributes, metrics, SpanStatusCode, trace } from '@opentelemetry/api';
import { VERSION } from './version.js';

const NAME = '@holdfast/checkpoint';

/** Counters of one {@link Checkpoints}, since it was made. */
export interface CheckpointStats {
  /** Versions saved. */
  readonly saves: number;
  /** Versions loaded with their state. */
  readonly loads: number;
  readonly rollbacks: number;
  /** Saves and rollbacks refused because the head was another one than expected. */
  readonly conflicts: number;
  /** Damaged versions met by `load`, `rollback` and `verify`. */
  readonly damaged: number;
  /** Segments sent to the store. */
  readonly segmentsWritten: number;
  /** Bytes of those segments: what was stored of the states saved. */
  readonly bytesWritten: number;
}

/** Plain counters for the hot path. */
export type Counters = { -readonly [Key in keyof CheckpointStats]: number };

/** All at zero. */
export function newCounters(): Counters {
  return {
    saves: 0,
    loads: 0,
    rollbacks: 0,
    conflicts: 0,
    damaged: 0,
    segmentsWritten: 0,
    bytesWritten: 0,
  };
}

const INSTRUMENTS: Record<keyof CheckpointStats, string> = {
  saves: 'holdfast_checkpoint_saves_total',
  loads: 'holdfast_checkpoint_loads_total',
  rollbacks: 'holdfast_checkpoint_rollbacks_total',
  conflicts: 'holdfast_checkpoint_conflicts_total',
  damaged: 'holdfast_checkpoint_damaged_total',
  segmentsWritten: 'holdfast_checkpoint_segments_written_total',
  bytesWritten: 'holdfast_checkpoint_written_bytes',
};

/** Lets the counters be read at each collection. Returns what ends that. */
export function observe(counters: Counters): () => void {
  const meter = metrics.getMeter(NAME, VERSION);
  const stops = Object.entries(INSTRUMENTS).map(([key, name]) => {
    const instrument = meter.createObservableCounter(name);
    const read = (result: { observe(value: number): void }) => {
      result.observe(counters[key as keyof CheckpointStats]);
    };
    instrument.addCallback(read);
    return () => instrument.removeCallback(read);
  });
  return () => {
    for (const stop of stops) stop();
  };
}

/** Runs `work` in a span. `attributes` must have few values. */
export function span<T>(
  name: string,
  attributes: Attributes,
  work: () => Promise<T>,
  after?: (result: T) => Attributes,
): Promise<T> {
  return trace.getTracer(NAME, VERSION).startActiveSpan(name, { attributes }, async (active) => {
    try {
      const result = await work();
      if (after !== undefined) active.setAttributes(after(result));
      return result;
    } catch (error) {
      const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
      active.setAttribute('error.type', typeof code === 'string' ? code : '_OTHER');
      active.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      active.end();
    }
  });
}
