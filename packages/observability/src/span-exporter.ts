import type { ExportResult } from '@opentelemetry/core';
import { ExportResultCode } from '@opentelemetry/core';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base';
import type { Logger } from './logger.js';

export type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base';

/** What became of the spans given to the exporters. */
export interface ExportCounts {
  /** Spans that an exporter took. */
  exported: number;
  /** Spans that an exporter failed to take. */
  failed: number;
}

const REPORT_EVERY_MS = 60_000;

/** An exporter that can neither throw nor be silent: failures are counted, and logged at most once a minute. */
export function guardedExporter(
  target: SpanExporter,
  counts: ExportCounts,
  logger: Logger,
): SpanExporter {
  let nextReport = 0;
  const failed = (spans: number, error: unknown): void => {
    counts.failed += spans;
    const now = Date.now();
    if (now < nextReport) return;
    nextReport = now + REPORT_EVERY_MS;
    logger.warn({ module: 'telemetry', err: error, spans }, 'spans could not be exported');
  };
  const settle = async (work: (() => Promise<void>) | undefined): Promise<void> => {
    try {
      await work?.();
    } catch (error) {
      failed(0, error);
    }
  };
  return {
    export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
      const settled = (result: ExportResult): void => {
        if (result.code === ExportResultCode.SUCCESS) counts.exported += spans.length;
        else failed(spans.length, result.error);
        // the failure is dealt with here: passed on, it would reach OpenTelemetry's global error handler
        done({ code: ExportResultCode.SUCCESS });
      };
      try {
        target.export(spans, settled);
      } catch (error) {
        settled({
          code: ExportResultCode.FAILED,
          error: error instanceof Error ? error : new Error(String(error)),
        });
      }
    },
    forceFlush: () =>
      settle(target.forceFlush && (() => target.forceFlush?.() ?? Promise.resolve())),
    shutdown: () => settle(() => target.shutdown()),
  };
}
