import { durationOption, optionInvalid, textOption } from './checks.js';
import { type Clock, systemClock } from './clock.js';
import type { Duration } from './duration.js';
import {
  type CheckResult,
  type HealthAnswer,
  HealthCheck,
  type HealthCheckFunction,
  type HealthStatus,
} from './health-check.js';
import type { Logger } from './logger.js';
import { silentLogger } from './silent-logger.js';

/** Options of {@link createHealth}. */
export interface HealthOptions {
  /** Is told when a check changes its state. @defaultValue silent */
  logger?: Logger;
  /**
   * Whether the service is not ready until {@link Health.started} was called.
   * @defaultValue false
   */
  awaitStartup?: boolean;
  /** @defaultValue the system's clock */
  clock?: Clock;
}

/** Options of one check. */
export interface HealthCheckOptions {
  /**
   * Whether the service cannot work without it: then it is not ready while this is unhealthy. Otherwise it is degraded.
   * @defaultValue true
   */
  critical?: boolean;
  /** Longest time the check may take; then it counts as unhealthy. @defaultValue `'2s'` */
  timeout?: Duration;
  /** How long a result is good for, so that many probes cost one check. @defaultValue `'1s'` */
  cacheFor?: Duration;
}

/** Anything that says how it is: a database handle, a queue, a pool monitor. */
export interface HealthSource {
  /** How it is now. */
  health(): Promise<HealthAnswer>;
}

/** Answer to "does the process live". */
export interface LiveReport {
  /** Always healthy: a process that does not live does not answer. */
  readonly status: 'healthy';
  /** Since the start of the process. */
  readonly uptimeSeconds: number;
}

/** Answer to "is start-up done". */
export interface StartupReport {
  /** Whether it is. */
  readonly done: boolean;
}

/** Answer to "may requests come here". */
export interface ReadyReport {
  /** False: send no requests (answer the probe with 503). Degraded is ready. */
  readonly ready: boolean;
  /** Unhealthy when not ready, degraded when any check is not healthy. */
  readonly status: HealthStatus;
  /** Why it is not ready although no check failed. */
  readonly reason?: string;
  /** The results by the name of the check. */
  readonly checks: Readonly<Record<string, CheckResult>>;
}

/** The health of a service: liveness, readiness and start-up kept apart. */
export interface Health {
  /**
   * Adds a check: a function that throws (or returns an unhealthy report) when something is wrong, or an object with
   * `health()`. Returns what removes it.
   *
   * @throws ObservabilityError `OBSERVABILITY_OPTION_INVALID` for a name that is taken or an option that is malformed
   */
  register(
    name: string,
    check: HealthCheckFunction | HealthSource,
    options?: HealthCheckOptions,
  ): () => void;
  /** Whether the process lives. It asks no dependency: restarting this process would not mend another. */
  live(): LiveReport;
  /** Whether requests may come here. Never rejects and never waits longer than the longest time limit of a check. */
  ready(): Promise<ReadyReport>;
  /** Whether start-up is done. */
  startup(): StartupReport;
  /** Start-up is done. */
  started(): void;
  /** From now on not ready, whatever the checks say: the service is about to stop. */
  drain(reason?: string): void;
}

/** Makes a health registry. */
export function createHealth(options: HealthOptions = {}): Health {
  return new HealthRegistry(options);
}

class HealthRegistry implements Health {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #checks = new Map<string, HealthCheck>();
  #started: boolean;
  #draining: string | undefined;

  constructor(options: HealthOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#started = !(options.awaitStartup ?? false);
  }

  register(
    name: string,
    check: HealthCheckFunction | HealthSource,
    options: HealthCheckOptions = {},
  ): () => void {
    textOption('name', name);
    if (this.#checks.has(name)) throw optionInvalid('name', 'a name no other check has', name);
    const made = new HealthCheck({
      name,
      critical: options.critical ?? true,
      timeoutMs: durationOption('timeout', options.timeout ?? '2s'),
      cacheMs: durationOption('cacheFor', options.cacheFor ?? '1s'),
      run: typeof check === 'function' ? check : () => check.health(),
      clock: this.#clock,
      logger: this.#logger,
    });
    this.#checks.set(name, made);
    return () => {
      if (this.#checks.get(name) === made) this.#checks.delete(name);
    };
  }

  live(): LiveReport {
    return { status: 'healthy', uptimeSeconds: process.uptime() };
  }

  async ready(): Promise<ReadyReport> {
    const results = await Promise.all(
      [...this.#checks].map(async ([name, check]) => [name, await check.result()] as const),
    );
    const failed = results.some(([, r]) => r.critical && r.status === 'unhealthy');
    const worse = results.some(([, r]) => r.status !== 'healthy');
    const reason = this.#draining ?? (this.#started ? undefined : 'starting');
    const worst = worse ? 'degraded' : 'healthy';
    return {
      ready: !failed && reason === undefined,
      status: failed || reason !== undefined ? 'unhealthy' : worst,
      ...(reason === undefined ? {} : { reason }),
      checks: Object.fromEntries(results),
    };
  }

  startup(): StartupReport {
    return { done: this.#started };
  }

  started(): void {
    this.#started = true;
  }

  drain(reason = 'stopping'): void {
    this.#draining ??= reason;
  }
}
