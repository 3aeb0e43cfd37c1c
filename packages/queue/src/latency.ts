import {
  type Attributes,
  createNoopMeter,
  type Histogram,
  type Meter,
  metrics,
} from '@opentelemetry/api';
import { errorType } from './errors.js';
import { VERSION } from './version.js';

/**
 * Upper bounds in seconds: what the conventions advise, and beyond, since a handler may take minutes.
 * Source: https://opentelemetry.io/docs/specs/semconv/messaging/messaging-metrics/
 */
const RUN_BUCKETS = [
  ...[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  ...[30, 60, 300, 900],
];
/** A task may wait for a second or for a day. */
const WAIT_BUCKETS = [
  ...[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  ...[300, 900, 3_600, 14_400, 86_400],
];
/** Most values of a label, for each queue; what comes later shares one. */
const MAX_TASKS = 100;
const MAX_ERRORS = 20;
/** The conventions' word for what has no name of its own. */
const OTHER = '_OTHER';

interface Instruments {
  readonly enqueue: Histogram;
  readonly wait: Histogram;
  readonly run: Histogram;
  readonly total: Histogram;
}

function instrumentsOf(meter: Meter): Instruments {
  const histogram = (name: string, description: string, bounds: number[]): Histogram =>
    meter.createHistogram(name, {
      description,
      unit: 's',
      advice: { explicitBucketBoundaries: bounds },
    });
  return {
    enqueue: histogram('messaging.client.operation.duration', 'Time of an enqueue', RUN_BUCKETS),
    wait: histogram(
      'holdfast_queue_wait_duration_seconds',
      'From when a task was due to the start of its handler',
      WAIT_BUCKETS,
    ),
    run: histogram('messaging.process.duration', 'Time of an attempt', RUN_BUCKETS),
    total: histogram(
      'holdfast_queue_total_duration_seconds',
      'From the enqueue of a task to its completion, or to its last failure',
      WAIT_BUCKETS,
    ),
  };
}

/** A few values by name; what is beyond the limit shares one. */
class Bounded<Value> {
  readonly #values = new Map<string, Value>();
  readonly #limit: number;
  readonly #make: (name: string) => Value;

  constructor(limit: number, make: (name: string) => Value) {
    this.#limit = limit;
    this.#make = make;
  }

  of(name: string): Value {
    const key = this.#values.has(name) || this.#values.size < this.#limit ? name : OTHER;
    const known = this.#values.get(key);
    if (known !== undefined) return known;
    const made = this.#make(key);
    this.#values.set(key, made);
    return made;
  }
}

/** Times of the tasks of one name. Attributes are made once: nothing but the record is left to do for a task. */
export class TaskLatency {
  readonly #instruments: Instruments;
  readonly #of: Attributes;
  readonly #completed: Attributes;
  readonly #dead: Attributes;
  readonly #ran: Attributes;
  readonly #failed: Bounded<Attributes>;

  constructor(instruments: Instruments, queue: string, task: string) {
    this.#instruments = instruments;
    this.#of = { queue, task };
    this.#completed = { queue, task, outcome: 'completed' };
    this.#dead = { queue, task, outcome: 'dead' };
    const ran = { ...operation(queue, 'process', 'process'), 'holdfast.queue.task': task };
    this.#ran = ran;
    this.#failed = new Bounded(MAX_ERRORS, (type) => ({ ...ran, 'error.type': type }));
  }

  /** A handler starts. */
  waited(ms: number): void {
    this.#instruments.wait.record(Math.max(0, ms) / 1_000, this.#of);
  }

  /** An attempt ended, with an error where there is a type. */
  ran(ms: number, errorType: string | undefined): void {
    const attributes = errorType === undefined ? this.#ran : this.#failed.of(errorType);
    this.#instruments.run.record(Math.max(0, ms) / 1_000, attributes);
  }

  /** The store took the last outcome of a task. */
  finished(ms: number, outcome: 'completed' | 'dead'): void {
    const attributes = outcome === 'dead' ? this.#dead : this.#completed;
    this.#instruments.total.record(Math.max(0, ms) / 1_000, attributes);
  }
}

/** Times of the tasks of a queue. */
export class Latency {
  readonly #instruments: Instruments;
  readonly #tasks: Bounded<TaskLatency>;
  readonly #enqueued: Attributes;
  readonly #refused: Bounded<Attributes>;

  constructor(meter: Meter, queue: string) {
    const instruments = instrumentsOf(meter);
    this.#instruments = instruments;
    this.#tasks = new Bounded(MAX_TASKS, (task) => new TaskLatency(instruments, queue, task));
    const enqueued = operation(queue, 'enqueue', 'send');
    this.#enqueued = enqueued;
    this.#refused = new Bounded(MAX_ERRORS, (type) => ({ ...enqueued, 'error.type': type }));
  }

  /** Of the tasks of one name. */
  of(task: string): TaskLatency {
    return this.#tasks.of(task);
  }

  /** Measures an enqueue. */
  async enqueuing<T>(fn: () => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    let attributes = this.#enqueued;
    try {
      return await fn();
    } catch (error) {
      attributes = this.#refused.of(errorType(error));
      throw error;
    } finally {
      this.#instruments.enqueue.record((performance.now() - startedAt) / 1_000, attributes);
    }
  }
}

/** Undefined without a meter provider: then nothing is measured. It must be there before the queue is made. */
export function latencyOf(queue: string): Latency | undefined {
  const meter = metrics.getMeter('@holdfast/queue', VERSION);
  return meter === createNoopMeter() ? undefined : new Latency(meter, queue);
}

function operation(queue: string, name: string, type: string): Attributes {
  return {
    'messaging.system': 'holdfast',
    'messaging.operation.type': type,
    'messaging.operation.name': name,
    'messaging.destination.name': queue,
  };
}
