import type { Clock, Timer } from '../ports.js';

/** Options of {@link WakeLoop}. */
export interface WakeLoopOptions {
  /** One round. `true`: there is more to do at once. */
  readonly step: () => Promise<boolean>;
  readonly clock: Clock;
  /** Longest rest between two rounds. */
  readonly intervalMs: number;
  readonly onError: (error: unknown) => void;
}

/** Runs one round after another, and rests until woken or until the interval has passed. */
export class WakeLoop {
  readonly #options: WakeLoopOptions;
  #woken = false;
  #stopped = false;
  #rouse: (() => void) | null = null;
  #running: Promise<void> | null = null;

  constructor(options: WakeLoopOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** There may be something to do. */
  wake(): void {
    this.#woken = true;
    this.#rouse?.();
  }

  /** Begins no further round; resolves when the one in progress has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#rouse?.();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      this.#woken = false;
      let more = false;
      let failed = false;
      try {
        more = await this.#options.step();
      } catch (error) {
        failed = true;
        this.#options.onError(error);
      }
      if (failed) this.#woken = false; // rest before trying again, so that an outage is no busy loop
      if (!this.#stopped && !more && !this.#woken) await this.#rest();
    }
  }

  #rest(): Promise<void> {
    return new Promise((resolve) => {
      let timer: Timer | null = null;
      const rouse = (): void => {
        timer?.clear();
        this.#rouse = null;
        resolve();
      };
      this.#rouse = rouse;
      timer = this.#options.clock.setTimeout(rouse, this.#options.intervalMs);
      timer.unref();
    });
  }
}
