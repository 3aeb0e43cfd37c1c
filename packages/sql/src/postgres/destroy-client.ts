import type { PgClientLike } from './pg-like.js';

/**
 * Cuts a client's socket. Ending it politely sends a message and waits, which lasts as long as the network is silent.
 */
export function destroyClient(client: PgClientLike): void {
  const connection: unknown = Reflect.get(client, 'connection');
  if (typeof connection !== 'object' || connection === null) return;
  const stream: unknown = Reflect.get(connection, 'stream');
  if (isDestroyable(stream)) stream.destroy();
}

function isDestroyable(value: unknown): value is { destroy(): void } {
  return typeof value === 'object' && value !== null && 'destroy' in value;
}
