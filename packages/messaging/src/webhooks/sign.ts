import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { invalidOption } from '../errors.js';

/** A signing secret made ready. */
export type SigningKey = KeyObject;

const PREFIX = 'whsec_';
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** Reads a secret of Standard Webhooks: `whsec_` and 24 to 64 bytes in base64. The secret is in no error message. */
export function signingKey(secret: string, option: string): SigningKey {
  const encoded =
    typeof secret === 'string' && secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : '';
  const bytes = BASE64.test(encoded) ? Buffer.from(encoded, 'base64') : Buffer.alloc(0);
  if (bytes.length < 24 || bytes.length > 64) {
    throw invalidOption(
      option,
      "'whsec_' and 24 to 64 bytes in base64",
      typeof secret === 'string' ? '(hidden)' : secret,
    );
  }
  return createSecretKey(bytes);
}

/** What is to be signed. */
export interface SigningInput {
  /** The `webhook-id`. */
  readonly id: string;
  /** The `webhook-timestamp`, in seconds since 1970. */
  readonly timestamp: number;
  readonly body: string;
}

/**
 * The `webhook-signature` header: a `v1` signature (HMAC-SHA256) for each key, with a space between.
 * Source: Standard Webhooks, https://www.standardwebhooks.com
 */
export function signatureHeader(keys: readonly SigningKey[], input: SigningInput): string {
  const content = `${input.id}.${input.timestamp}.${input.body}`;
  return keys
    .map((key) => `v1,${createHmac('sha256', key).update(content).digest('base64')}`)
    .join(' ');
}
