/** A message of the Postgres protocol, as PGlite's parser gives it. */
export interface ProtocolMessage {
  readonly name: string;
}

/**
 * What this package uses of a PGlite instance. It is structural, so that nobody's types depend on PGlite.
 * The members beyond `close` are PGlite's own lower level: the version of the peer is therefore exact.
 */
export interface PgliteLike {
  readonly ready: boolean;
  close(): Promise<void>;
  execProtocolStream(
    message: Uint8Array,
    options?: { syncToFs?: boolean; throwOnError?: boolean },
  ): Promise<ProtocolMessage[]>;
  syncToFs(): Promise<void>;
  onNotification(callback: (channel: string, payload: string) => void): () => void;
  _runExclusiveTransaction<T>(fn: () => Promise<T>): Promise<T>;
}
