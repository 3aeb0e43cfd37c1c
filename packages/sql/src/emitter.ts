import type { Logger } from './logger.js';

/** Calls handlers of typed events. An event nobody listens to is never built. */
export class Emitter<Events> {
  readonly #handlers = new Map<keyof Events, Set<(event: never) => void>>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  on<Type extends keyof Events>(type: Type, handler: (event: Events[Type]) => void): () => void {
    const handlers = this.#handlers.get(type) ?? new Set();
    // A wrapper of its own: one function may be given twice and each `off` ends one of them.
    const entry = (event: Events[Type]): void => handler(event);
    handlers.add(entry);
    this.#handlers.set(type, handlers);
    return () => void handlers.delete(entry);
  }

  emit<Type extends keyof Events>(type: Type, event: () => Events[Type]): void {
    const handlers = this.#handlers.get(type) as Set<(event: Events[Type]) => void> | undefined;
    if (handlers === undefined || handlers.size === 0) return;
    const value = event();
    for (const handler of handlers) {
      try {
        handler(value);
      } catch (error) {
        this.#logger.error({ module: 'sql', err: error }, 'An event handler threw');
      }
    }
  }

  clear(): void {
    this.#handlers.clear();
  }
}
