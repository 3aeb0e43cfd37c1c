import { constants } from 'node:os';
import { durationOption, optionInvalid, textOption } from './checks.js';
import { type Clock, systemClock } from './clock.js';
import type { Duration } from './duration.js';
import type { Health } from './health.js';
import type { Logger } from './logger.js';
import { type Closable, type ClosePart, closerOf } from './shutdown-part.js';
import { silentLogger } from './silent-logger.js';
import { within } from './within.js';

/** Options of {@link gracefulShutdown}. */
export interface ShutdownOptions {
  /** Gets the time each part took, and what was left. @defaultValue silent */
  logger?: Logger;
  /** Longest time for everything. @defaultValue `'30s'` */
  deadline?: Duration;
  /** Fails readiness first. @defaultValue none */
  health?: Pick<Health, 'drain'>;
  /**
   * Time between failing readiness and stopping the first part, for load balancers to notice. It counts towards the
   * deadline.
   * @defaultValue 0
   */
  drainDelay?: Duration;
  /** Signals that begin it; a second one ends the process at once. @defaultValue `['SIGTERM', 'SIGINT']` */
  signals?: readonly NodeJS.Signals[];
  /**
   * Ends the process: with 0, with 1 when something was left, with 128 + signal number on a second signal.
   * @defaultValue `process.exit`
   */
  exit?: (code: number) => void;
  /** @defaultValue the system's clock */
  clock?: Clock;
}

/** How one part stopped. */
export interface PartReport {
  /** Name of the part. */
  readonly name: string;
  /** `timeout`: it was still busy when its time was up, and was left. */
  readonly outcome: 'closed' | 'failed' | 'timeout';
  /** From the moment it was asked to close. */
  readonly durationMs: number;
}

/** How everything stopped. */
export interface ShutdownReport {
  /** The signal, or what `run` was given. */
  readonly reason: string;
  /** Whether every part closed in time, and says itself that nothing was left in it. */
  readonly drained: boolean;
  /** All of it. */
  readonly durationMs: number;
  /** In the order in which the parts ended. */
  readonly parts: readonly PartReport[];
}

/** Stops the parts of a service in order. */
export interface GracefulShutdown {
  /**
   * Adds a part. It is closed once all parts named in `after` are; parts that are not ordered close together.
   *
   * @throws ObservabilityError `OBSERVABILITY_OPTION_INVALID` for a name that is taken, or an `after` that was not
   * added before (so there can be no circle)
   */
  add(name: string, part: Closable, options?: { after?: readonly string[] }): void;
  /** Begins it, as a signal does, and ends the process. Always resolves; called again it gives the same report. */
  run(reason?: string): Promise<ShutdownReport>;
  /** Gives up the signals: for tests and for applications that end otherwise. */
  dispose(): void;
}

interface Part {
  readonly name: string;
  readonly close: ClosePart;
  readonly after: readonly string[];
}

/** Share of the deadline that a part leaves for each stage behind it, so that one that hangs starves no other. */
const RESERVE = 0.1;

/** Makes a shutdown that begins on SIGTERM and SIGINT. */
export function gracefulShutdown(options: ShutdownOptions = {}): GracefulShutdown {
  return new Shutdown(options);
}

class Shutdown implements GracefulShutdown {
  readonly #options: ShutdownOptions;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #deadlineMs: number;
  readonly #drainMs: number;
  readonly #signals: readonly NodeJS.Signals[];
  readonly #parts = new Map<string, Part>();
  #running: Promise<ShutdownReport> | undefined;

  constructor(options: ShutdownOptions) {
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
    this.#clock = options.clock ?? systemClock;
    this.#deadlineMs = durationOption('deadline', options.deadline ?? '30s');
    this.#drainMs = durationOption('drainDelay', options.drainDelay ?? 0);
    this.#signals = options.signals ?? ['SIGTERM', 'SIGINT'];
    for (const signal of this.#signals) process.on(signal, this.#onSignal);
  }

  add(name: string, part: Closable, options: { after?: readonly string[] } = {}): void {
    textOption('name', name);
    if (this.#parts.has(name)) throw optionInvalid('name', 'a name no other part has', name);
    const after = options.after ?? [];
    for (const other of after) {
      if (!this.#parts.has(other))
        throw optionInvalid('after', 'names of parts added before', other);
    }
    this.#parts.set(name, { name, close: closerOf(part), after });
  }

  run(reason = 'requested'): Promise<ShutdownReport> {
    this.#running ??= this.#run(reason);
    return this.#running;
  }

  dispose(): void {
    for (const signal of this.#signals) process.off(signal, this.#onSignal);
  }

  readonly #onSignal = (signal: NodeJS.Signals): void => {
    if (this.#running === undefined) {
      void this.run(signal);
      return;
    }
    this.#logger.warn({ module: 'shutdown', signal }, 'second signal: ending at once');
    this.#exit(128 + constants.signals[signal]);
  };

  async #run(reason: string): Promise<ShutdownReport> {
    const startedAt = this.#clock.now();
    this.#logger.info(
      { module: 'shutdown', reason, deadline_ms: this.#deadlineMs },
      'shutting down',
    );
    this.#options.health?.drain();
    if (this.#drainMs > 0) await this.#wait(Math.min(this.#drainMs, this.#deadlineMs));
    const parts: PartReport[] = [];
    let left = false;
    const done = new Map<string, Promise<void>>();
    const stop = async (part: Part): Promise<void> => {
      await Promise.all(part.after.map((other) => done.get(other)));
      const { report, drained } = await this.#stop(part, startedAt + this.#deadlineMs);
      parts.push(report);
      left ||= !drained;
    };
    for (const part of this.#parts.values()) done.set(part.name, stop(part));
    await Promise.all(done.values());
    const durationMs = this.#clock.now() - startedAt;
    const report = { reason, drained: !left, durationMs, parts };
    if (left) this.#logger.warn({ module: 'shutdown', ...report }, 'shut down with work left');
    else this.#logger.info({ module: 'shutdown', reason, duration_ms: durationMs }, 'shut down');
    this.dispose();
    this.#exit(left ? 1 : 0);
    return report;
  }

  async #stop(part: Part, until: number): Promise<{ report: PartReport; drained: boolean }> {
    const startedAt = this.#clock.now();
    const reserve = Math.min(0.5, this.#stagesBehind(part.name) * RESERVE) * this.#deadlineMs;
    const budget = Math.max(0, until - startedAt - reserve);
    let drained = true;
    const work = part.close(budget).then((clean) => {
      drained = clean;
    });
    let failure: unknown;
    const outcome = await within(
      budget,
      work,
      (error) => {
        failure = error;
      },
      this.#clock,
    );
    const durationMs = this.#clock.now() - startedAt;
    const fields = { module: 'shutdown', part: part.name, duration_ms: durationMs };
    if (outcome === 'done') this.#logger.info({ ...fields, drained }, 'part closed');
    else if (outcome === 'failed') this.#logger.error({ ...fields, err: failure }, 'part failed');
    else this.#logger.warn(fields, 'part left: its time was up');
    return {
      report: { name: part.name, outcome: outcome === 'done' ? 'closed' : outcome, durationMs },
      drained: outcome === 'done' && drained,
    };
  }

  /** Longest chain of parts that wait for this one. */
  #stagesBehind(name: string): number {
    let longest = 0;
    for (const part of this.#parts.values()) {
      if (part.after.includes(name)) longest = Math.max(longest, 1 + this.#stagesBehind(part.name));
    }
    return longest;
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.setTimeout(resolve, ms);
    });
  }

  #exit(code: number): void {
    (this.#options.exit ?? ((given) => process.exit(given)))(code);
  }
}
