import type { Clock, Timer } from './clock.js';
import { AlertError } from './errors.js';
import type { Logger } from './logger.js';
import type { Notification, Notifier, NotifierStats, RetryOptions } from './notifier.js';

const MAX_WAITING = 1_000;

/** What every {@link Dispatcher} needs. */
export interface DispatcherOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly retry: Required<RetryOptions>;
  readonly timeoutMs: number;
  readonly random: () => number;
}

type Outcome = 'sent' | 'dead' | 'superseded' | 'closed';

/**
 * Sends the notifications of one notifier, one after the other. Each notifier has its own, so a slow or failing one
 * keeps nobody else waiting.
 */
export class Dispatcher {
  readonly #notifier: Notifier;
  readonly #options: DispatcherOptions;
  /** Waiting notifications by alert, oldest first: a newer one of an alert takes the place of an older. */
  readonly #waiting = new Map<string, Notification>();
  readonly #counters = { sent: 0, failures: 0, dead: 0, dropped: 0, superseded: 0 };
  readonly #closed = new AbortController();
  #running: Promise<void> | undefined;
  #failing = false;

  constructor(notifier: Notifier, options: DispatcherOptions) {
    this.#notifier = notifier;
    this.#options = options;
  }

  get name(): string {
    return this.#notifier.name;
  }

  /** Whether the last attempt failed. */
  get failing(): boolean {
    return this.#failing;
  }

  send(notification: Notification): void {
    const { id } = notification.alert;
    if (this.#waiting.delete(id)) this.#counters.superseded += 1;
    if (this.#waiting.size >= MAX_WAITING) {
      const [oldest] = this.#waiting.keys();
      if (oldest !== undefined) this.#waiting.delete(oldest);
      this.#counters.dropped += 1;
    }
    this.#waiting.set(id, notification);
    this.#running ??= this.#run();
  }

  stats(): NotifierStats {
    return { ...this.#counters, waiting: this.#waiting.size };
  }

  /** Resolves when nothing is waiting any more. */
  async drained(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** Gives up what is waiting or being tried. */
  abort(): void {
    this.#waiting.clear();
    this.#closed.abort(new AlertError('ALERT_CLOSED', 'The alerts have been closed'));
  }

  async #run(): Promise<void> {
    for (const [id, notification] of this.#waiting) {
      this.#waiting.delete(id);
      const outcome = await this.#deliver(notification);
      if (outcome !== 'closed') this.#counters[outcome] += 1;
    }
    this.#running = undefined;
  }

  async #deliver(notification: Notification): Promise<Outcome> {
    const { attempts } = this.#options.retry;
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#attempt(notification, attempt);
        this.#failing = false;
        return 'sent';
      } catch (err) {
        if (this.#closed.signal.aborted) return 'closed';
        this.#failing = true;
        this.#counters.failures += 1;
        const last = attempt >= attempts;
        this.#report(notification, attempt, last, err);
        if (last) return 'dead';
      }
      await this.#wait(this.#backoffMs(attempt));
      if (this.#closed.signal.aborted) return 'closed';
      if (this.#waiting.has(notification.alert.id)) return 'superseded';
    }
  }

  /** One attempt, ended by its time limit or by `abort`, whether or not the notifier heeds the signal. */
  async #attempt(notification: Notification, attempt: number): Promise<void> {
    const { clock, timeoutMs } = this.#options;
    const controller = new AbortController();
    let timer: Timer | undefined;
    let onAbort: () => void = () => {};
    const limit = new Promise<never>((_, reject) => {
      const stop = (reason: unknown) => {
        controller.abort(reason);
        reject(reason);
      };
      timer = clock.setTimeout(() => {
        const message = `Notifier "${this.name}" took longer than ${timeoutMs} ms`;
        stop(new AlertError('ALERT_NOTIFY_TIMEOUT', message));
      }, timeoutMs);
      timer.unref();
      onAbort = () => stop(this.#closed.signal.reason);
      this.#closed.signal.addEventListener('abort', onAbort);
    });
    const { signal } = controller;
    try {
      const notify = async () => this.#notifier.notify(notification, { signal, attempt });
      await Promise.race([notify(), limit]);
    } finally {
      timer?.clear();
      this.#closed.signal.removeEventListener('abort', onAbort);
    }
  }

  #backoffMs(attempt: number): number {
    const { initialMs, maxMs } = this.#options.retry;
    const longest = Math.min(maxMs, initialMs * 2 ** (attempt - 1));
    return longest * (0.5 + this.#options.random() / 2);
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const { signal } = this.#closed;
      const timer = this.#options.clock.setTimeout(done, ms);
      timer.unref();
      signal.addEventListener('abort', done);
      function done(): void {
        timer.clear();
        signal.removeEventListener('abort', done);
        resolve();
      }
    });
  }

  #report(notification: Notification, attempt: number, last: boolean, err: unknown): void {
    const { id, alert } = notification;
    const fields = {
      module: 'alerts',
      notifier: this.name,
      rule: alert.rule,
      notification_id: id,
      attempt,
      err,
    };
    const { logger } = this.#options;
    if (last) logger.error(fields, `Notifier ${this.name} failed for the last time`);
    else logger.warn(fields, `Notifier ${this.name} failed, will try again`);
  }
}
