import type { Clock } from './clock.js';
import { maskSecrets } from './log-redaction.js';
import type { Logger } from './logger.js';
import { within } from './within.js';

/** `degraded` works with restrictions, and is not a failure. */
export type HealthStatus = 'healthy' | 'degraded' | 'unhealthy';

/** What a check function may answer; nothing means healthy. */
export interface HealthAnswer {
  /** How it is. */
  readonly status: HealthStatus;
  /** Figures and names that explain it. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/**
 * A check as a function: answers a {@link HealthAnswer}, or anything else (nothing, for one) for healthy, at once or
 * by a promise. Throwing means unhealthy. `signal` aborts when its time is up.
 */
export type HealthCheckFunction = (signal: AbortSignal) => unknown;

/** An error of a check. */
export interface CheckError {
  /** When it happened, ISO-8601. */
  readonly at: string;
  /** Its message, secrets taken out. */
  readonly message: string;
}

/** The last result of a check. */
export interface CheckResult {
  /** How it was found. */
  readonly status: HealthStatus;
  /** Whether the service cannot work without it. */
  readonly critical: boolean;
  /** When it was found out, ISO-8601. */
  readonly checkedAt: string;
  /** How long the check took. */
  readonly durationMs: number;
  /** What the check said beside its status. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** Why it is unhealthy. */
  readonly error?: string;
  /** The last error there was, kept after recovery. */
  readonly lastError?: CheckError;
}

interface CheckSetup {
  readonly name: string;
  readonly critical: boolean;
  readonly timeoutMs: number;
  readonly cacheMs: number;
  readonly run: HealthCheckFunction;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How long a check that hangs is waited for before it is run anew, in multiples of its time limit. */
const ABANDON_AFTER_TIMEOUTS = 10;

/** One check: run at most once at a time, its result cached, its time limited. */
export class HealthCheck {
  readonly #setup: CheckSetup;
  #result: CheckResult | undefined;
  #goodUntil = Number.NEGATIVE_INFINITY;
  #running: Promise<CheckResult> | undefined;
  #hangingSince: number | undefined;
  #lastError: CheckResult['lastError'];

  constructor(setup: CheckSetup) {
    this.#setup = setup;
  }

  /** The result, at most `cacheFor` old. */
  result(): Promise<CheckResult> {
    const now = this.#setup.clock.now();
    if (this.#running !== undefined) return this.#running;
    if (this.#result !== undefined && (now < this.#goodUntil || this.#hangs(now))) {
      return Promise.resolve(this.#result);
    }
    this.#running = this.#run(now);
    return this.#running;
  }

  /** A check that never settles is not started again at each probe: that would pile up connections. */
  #hangs(now: number): boolean {
    const { timeoutMs } = this.#setup;
    return (
      this.#hangingSince !== undefined &&
      now < this.#hangingSince + timeoutMs * ABANDON_AFTER_TIMEOUTS
    );
  }

  async #run(startedAt: number): Promise<CheckResult> {
    const { timeoutMs, cacheMs, clock } = this.#setup;
    const abort = new AbortController();
    let answer: HealthAnswer | undefined;
    let failure: unknown;
    const work = this.#attempt(abort.signal).then((given) => {
      answer = given;
    });
    this.#hangingSince = startedAt;
    const settled = (): void => {
      if (this.#hangingSince === startedAt) this.#hangingSince = undefined;
    };
    work.then(settled, settled);
    const outcome = await within(
      timeoutMs,
      work,
      (error) => {
        failure = error;
      },
      clock,
    );
    if (outcome === 'timeout') {
      failure = new Error(`no answer within ${timeoutMs} ms`);
      abort.abort(failure);
    }
    const result = this.#record(startedAt, outcome === 'done', answer, failure);
    this.#goodUntil = clock.now() + cacheMs;
    this.#running = undefined;
    return result;
  }

  async #attempt(signal: AbortSignal): Promise<HealthAnswer | undefined> {
    const answer = await this.#setup.run(signal);
    return isAnswer(answer) ? answer : undefined;
  }

  #record(
    startedAt: number,
    answered: boolean,
    answer: HealthAnswer | undefined,
    failure: unknown,
  ): CheckResult {
    const now = this.#setup.clock.now();
    const checkedAt = new Date(now).toISOString();
    const error = answered ? undefined : errorText(failure);
    if (error !== undefined) this.#lastError = { at: checkedAt, message: error };
    const result: CheckResult = {
      status: answered ? (answer?.status ?? 'healthy') : 'unhealthy',
      critical: this.#setup.critical,
      checkedAt,
      durationMs: now - startedAt,
      ...(answer?.details === undefined ? {} : { details: answer.details }),
      ...(error === undefined ? {} : { error }),
      ...(this.#lastError === undefined ? {} : { lastError: this.#lastError }),
    };
    this.#report(result);
    this.#result = result;
    return result;
  }

  #report(result: CheckResult): void {
    const before = this.#result?.status ?? 'healthy';
    if (before === result.status) return;
    const { name, logger, critical } = this.#setup;
    const { status, error } = result;
    const fields = {
      module: 'health',
      check: name,
      before,
      status,
      critical,
      ...(error === undefined ? {} : { error }),
    };
    if (result.status === 'healthy') logger.info(fields, 'health check recovered');
    else logger.warn(fields, 'health check changed for the worse');
  }
}

/** The message without secrets: connection errors like to quote the address they failed at. */
function errorText(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return maskSecrets(text === '' ? 'failed without a message' : text);
}

function isAnswer(value: unknown): value is HealthAnswer {
  return (
    typeof value === 'object' &&
    value !== null &&
    'status' in value &&
    (value.status === 'healthy' || value.status === 'degraded' || value.status === 'unhealthy')
  );
}
