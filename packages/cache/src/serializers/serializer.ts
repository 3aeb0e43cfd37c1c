/** Turns values into bytes and back. */
export interface Serializer {
  /**
   * Names the format within stored entries (1–32 ASCII characters): entries of another format are misses. Change it
   * when the format changes.
   */
  readonly id: string;
  /** @throws anything when the value cannot be represented */
  encode(value: unknown): Uint8Array;
  /** @throws anything when the bytes are not of this format */
  decode(bytes: Uint8Array): unknown;
}
