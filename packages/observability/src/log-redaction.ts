/** What stands in the place of a secret. */
export const REDACTED = '[redacted]';

const SECRET_KEY =
  /(?:password|passwd|passphrase|secret|token|apikey|privatekey|accesskey|signingkey|authorization|cookie|credential)s?$|^pwd$/;
const PLURAL = /s$/;

/** How often a name was asked for decides nothing: the cache is emptied when it is full of names made at run time. */
const MAX_CACHED_KEYS = 2_000;
const known = new Map<string, boolean>();

/** Secrets that stand inside texts: a password in a URL, a bearer token, a Standard Webhooks secret. */
const SECRET_TEXT =
  /(:\/\/[^\s/:@"\\]*:)[^\s/@"\\]+(?=@)|(\bBearer )[\w.~+/=-]{16,}|(\bwhsec_)[\w+/=-]+/g;

function namesSecret(key: string): boolean {
  const cached = known.get(key);
  if (cached !== undefined) return cached;
  const secret = SECRET_KEY.test(key.toLowerCase().replace(/[^a-z0-9]/g, ''));
  if (known.size >= MAX_CACHED_KEYS) known.clear();
  known.set(key, secret);
  return secret;
}

/**
 * Whether the value under `key` is a secret by its name, at whatever depth and in whatever spelling
 * (`webhookSecret`, `x-api-key`, `SET_COOKIE`). Flags and empty values are not (`hasToken: true`), nor are numbers
 * under a plural (`tokens: 1200` is an amount).
 */
export function isSecret(key: string, value: unknown): boolean {
  if (value === null || value === undefined || value === '' || typeof value === 'boolean') {
    return false;
  }
  if (!namesSecret(key)) return false;
  return typeof value !== 'number' || !PLURAL.test(key);
}

/** A text without the secrets that can be told from their form. */
export function maskSecrets(text: string): string {
  // three plain searches cost a tenth of the expression, and almost no line has any of them
  if (!text.includes('://') && !text.includes('whsec_') && !text.includes('Bearer ')) return text;
  return text.replace(
    SECRET_TEXT,
    (_match, url?: string, bearer?: string, webhook?: string) =>
      `${url ?? bearer ?? webhook ?? ''}${REDACTED}`,
  );
}
