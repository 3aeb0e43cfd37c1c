import { readdirSync } from 'node:fs';
import {
  constants,
  type EventLoopUtilization,
  monitorEventLoopDelay,
  PerformanceObserver,
  performance,
} from 'node:perf_hooks';
import type { Meter, Observable } from '@opentelemetry/api';

const RESOLUTION_MS = 20;
const WINDOW_MS = 10_000;
const NS_PER_MS = 1e6;

/** How late the event loop ran its timers during the last full window of 10 seconds, in milliseconds. */
export interface EventLoopLag {
  /** Arithmetic mean. */
  readonly mean: number;
  /** Median. */
  readonly p50: number;
  /** 99th percentile. */
  readonly p99: number;
  /** The worst. */
  readonly max: number;
}

/** State of the process, for alert rules and consoles. */
export interface RuntimeStats {
  /** How late the event loop was. */
  readonly eventLoopLagMs: EventLoopLag;
  /** Share of the last window during which the event loop was busy, 0 to 1. */
  readonly eventLoopUtilization: number;
  /** Memory that the process takes. */
  readonly residentMemoryBytes: number;
  /** Used part of the V8 heap. */
  readonly heapUsedBytes: number;
}

/** Measures the process until it is stopped. */
export interface RuntimeMonitor {
  stats(): RuntimeStats;
  stop(): void;
}

/**
 * The event loop is measured in windows of its own and never reset by a reader, so that two scrapers (or a scraper and
 * an alert rule) do not spoil each other's figures.
 */
export function monitorRuntime(): RuntimeMonitor {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  // the histogram holds the time between two ticks of a timer, which is the resolution when nothing is late
  const late = (ns: number): number =>
    Number.isFinite(ns) ? Math.max(0, ns / NS_PER_MS - RESOLUTION_MS) : 0;
  let start: EventLoopUtilization = performance.eventLoopUtilization();
  const read = (): Pick<RuntimeStats, 'eventLoopLagMs' | 'eventLoopUtilization'> => ({
    eventLoopLagMs: {
      mean: late(delay.mean),
      p50: late(delay.percentile(50)),
      p99: late(delay.percentile(99)),
      max: delay.max > 0 ? late(delay.max) : 0,
    },
    eventLoopUtilization: performance.eventLoopUtilization(start).utilization,
  });
  let window: ReturnType<typeof read> | undefined;
  const timer = setInterval(() => {
    window = read();
    delay.reset();
    start = performance.eventLoopUtilization();
  }, WINDOW_MS);
  timer.unref();
  return {
    stats: () => {
      const { rss, heapUsed } = process.memoryUsage();
      return { ...(window ?? read()), residentMemoryBytes: rss, heapUsedBytes: heapUsed };
    },
    stop: () => {
      clearInterval(timer);
      delay.disable();
    },
  };
}

/**
 * Registers the metrics of the process under the names that Prometheus clients of every language use.
 * Returns what stops them.
 */
export function recordRuntime(meter: Meter, runtime: RuntimeMonitor): () => void {
  const startedAt = performance.timeOrigin / 1_000;
  const gauge = (name: string, description: string): Observable =>
    meter.createObservableGauge(name, { description });
  const cpu = meter.createObservableCounter('process_cpu_seconds_total', {
    description: 'User and system CPU time of the process.',
  });
  const started = gauge('process_start_time_seconds', 'Start of the process since 1970.');
  const rss = gauge('process_resident_memory_bytes', 'Resident memory of the process.');
  const files = gauge('process_open_fds', 'Open file descriptors.');
  const heapTotal = gauge('nodejs_heap_size_total_bytes', 'Size of the V8 heap.');
  const heapUsed = gauge('nodejs_heap_size_used_bytes', 'Used part of the V8 heap.');
  const external = gauge('nodejs_external_memory_bytes', 'Memory of objects outside of the heap.');
  const resources = gauge('nodejs_active_resources', 'Resources that keep the event loop alive.');
  const lag = gauge('nodejs_eventloop_lag_seconds', 'Event loop lag of the last 10 s window.');
  const busy = gauge('nodejs_eventloop_utilization_ratio', 'Busy share of the last 10 s window.');
  const all = [cpu, started, rss, files, heapTotal, heapUsed, external, resources, lag, busy];
  const observe: Parameters<Meter['addBatchObservableCallback']>[0] = (result) => {
    const { user, system } = process.cpuUsage();
    const memory = process.memoryUsage();
    const { eventLoopLagMs, eventLoopUtilization } = runtime.stats();
    result.observe(cpu, (user + system) / 1e6);
    result.observe(started, startedAt);
    result.observe(rss, memory.rss);
    result.observe(heapTotal, memory.heapTotal);
    result.observe(heapUsed, memory.heapUsed);
    result.observe(external, memory.external);
    result.observe(resources, process.getActiveResourcesInfo().length);
    result.observe(busy, eventLoopUtilization);
    for (const stat of ['mean', 'p50', 'p99', 'max'] as const) {
      result.observe(lag, eventLoopLagMs[stat] / 1_000, { stat });
    }
    const open = openFiles();
    if (open !== undefined) result.observe(files, open);
  };
  meter.addBatchObservableCallback(observe, all);
  const stopGc = recordGc(meter);
  return () => {
    meter.removeBatchObservableCallback(observe, all);
    stopGc();
  };
}

/** Linux shows them in a folder; elsewhere there is no cheap way. */
function openFiles(): number | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    return readdirSync('/proc/self/fd').length - 1; // one of them reads the folder
  } catch {
    return undefined;
  }
}

const GC_KINDS: ReadonlyMap<unknown, string> = new Map([
  [constants.NODE_PERFORMANCE_GC_MAJOR, 'major'],
  [constants.NODE_PERFORMANCE_GC_MINOR, 'minor'],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, 'incremental'],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, 'weakcb'],
]);

function recordGc(meter: Meter): () => void {
  const pauses = meter.createHistogram('nodejs_gc_duration_seconds', {
    description: 'Pauses by garbage collection.',
  });
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      pauses.record(entry.duration / 1_000, { kind: gcKind(entry) });
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  return () => observer.disconnect();
}

function gcKind(entry: object): string {
  const detail: unknown = 'detail' in entry ? entry.detail : undefined;
  const kind: unknown =
    typeof detail === 'object' && detail !== null && 'kind' in detail ? detail.kind : undefined;
  return GC_KINDS.get(kind) ?? 'unknown';
}
