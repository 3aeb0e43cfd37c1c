import { createHash } from 'node:crypto';

const SEAL = 32;

/** Bytes that tell whether they are whole, which key they are of, and the number they were made with. */
export function seal(key: string, number: number, size: number): Buffer {
  const bytes = Buffer.alloc(SEAL + size, number & 255);
  bytes.writeDoubleLE(number, SEAL);
  sealOf(key, bytes).copy(bytes);
  return bytes;
}

function sealOf(key: string, bytes: Uint8Array): Buffer {
  return createHash('sha256').update(key).update(bytes.subarray(SEAL)).digest();
}

/** The number of sealed bytes; `'broken'` when they are not what was sealed for the key. */
export function unseal(key: string, bytes: Uint8Array): number | 'broken' {
  const whole = bytes.length > SEAL && sealOf(key, bytes).equals(bytes.subarray(0, SEAL));
  return whole ? Buffer.from(bytes).readDoubleLE(SEAL) : 'broken';
}
