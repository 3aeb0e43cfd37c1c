import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import { numberOption } from './checks.js';
import type { ReadableSpan, SpanExporter } from './span-exporter.js';

/** Options of {@link memorySpanExporter}. */
export interface MemorySpanExporterOptions {
  /**
   * Spans kept; the oldest go first.
   * @defaultValue 1000
   */
  capacity?: number;
}

/** An exporter that keeps the most recent spans in memory, for tests and a look at a running process. */
export interface MemorySpanExporter extends SpanExporter {
  /** The spans kept, oldest first. */
  spans(): ReadableSpan[];
  /** Forgets all spans. */
  clear(): void;
}

/** Makes a {@link MemorySpanExporter}. */
export function memorySpanExporter(options: MemorySpanExporterOptions = {}): MemorySpanExporter {
  const capacity = numberOption('capacity', options.capacity ?? 1_000, 1, 1_000_000);
  let kept: ReadableSpan[] = [];
  return {
    export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
      kept.push(...spans);
      // cut in large steps, so that a span costs constant time
      if (kept.length >= capacity * 2) kept = kept.slice(-capacity);
      done({ code: ExportResultCode.SUCCESS });
    },
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
    spans: () => kept.slice(-capacity),
    clear: () => {
      kept = [];
    },
  };
}
