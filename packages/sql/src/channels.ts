import type { ChannelListener } from './session.js';

/** Who listens to which channel. */
export class Channels {
  readonly #listeners = new Map<string, Set<ChannelListener>>();

  /** Whether this is the first listener of the channel. */
  add(channel: string, listener: ChannelListener): boolean {
    const listeners = this.#listeners.get(channel);
    if (listeners !== undefined) {
      listeners.add(listener);
      return false;
    }
    this.#listeners.set(channel, new Set([listener]));
    return true;
  }

  /** Whether nobody listens to the channel any more. */
  remove(channel: string, listener: ChannelListener): boolean {
    const listeners = this.#listeners.get(channel);
    if (listeners === undefined || !listeners.delete(listener)) return false;
    if (listeners.size > 0) return false;
    this.#listeners.delete(channel);
    return true;
  }

  has(channel: string): boolean {
    return this.#listeners.has(channel);
  }

  names(): string[] {
    return [...this.#listeners.keys()];
  }

  get size(): number {
    return this.#listeners.size;
  }

  dispatch(channel: string, payload: string): void {
    for (const listener of this.#listeners.get(channel) ?? []) listener.handler(payload);
  }

  reconnected(): void {
    for (const listeners of [...this.#listeners.values()]) {
      for (const listener of listeners) listener.onReconnect();
    }
  }
}
