import type { Alert } from './alert.js';
import type { Logger } from './logger.js';
import type { SeriesEvent } from './reducer.js';

/** What happens to alerts. */
export type AlertEventType = `alert.${SeriesEvent['type']}`;

/** One event. */
export interface AlertEvent {
  readonly type: AlertEventType;
  readonly at: Date;
  /** The alert after it. */
  readonly alert: Alert;
}

/** Calls handlers, and survives them. */
export class Events {
  readonly #handlers = new Map<AlertEventType, Set<(event: AlertEvent) => void>>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  on(type: AlertEventType, handler: (event: AlertEvent) => void): () => void {
    const handlers = this.#handlers.get(type) ?? new Set();
    this.#handlers.set(type, handlers.add(handler));
    return () => handlers.delete(handler);
  }

  emit(event: AlertEvent): void {
    for (const handler of this.#handlers.get(event.type) ?? []) {
      try {
        handler(event);
      } catch (err) {
        this.#logger.error({ module: 'alerts', err }, `A handler of ${event.type} failed`);
      }
    }
  }
}
