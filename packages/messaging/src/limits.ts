/** Longest and shortest values of what comes in. One place for the check in code and for the schemas of the wire. */
export const LIMITS = {
  clientId: 255,
  text: 8_000,
  webhookUrl: 500,
  platform: 50,
  chatId: 255,
  locale: 35,
  idempotencyKey: 255,
  /** Bytes of `metadata` as JSON. */
  metadataBytes: 16_384,
  /** Levels of objects and arrays in `metadata`. */
  metadataDepth: 64,
  requestId: 128,
  templateKey: 64,
  templateBody: 4_000,
  listLimit: 500,
  /** What is kept of the message of an error. */
  errorText: 500,
} as const;

/** A language tag such as `en`, `uk` or `pt-BR` (RFC 5646, the common part). */
export const LOCALE_PATTERN: RegExp = /^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*$/;

/** Name of a template or category. */
export const TEMPLATE_KEY_PATTERN: RegExp = /^[A-Za-z][A-Za-z0-9_.:-]{0,63}$/;

const PRINTABLE_ASCII = /^[\x20-\x7e]+$/;

/** Whether the text can be the value of a header. */
export function isHeaderText(text: string, max: number): boolean {
  return text.length <= max && PRINTABLE_ASCII.test(text);
}

const NUL = String.fromCharCode(0);

/** Whether Postgres can store the text: no NUL, no half of a surrogate pair. */
export function isStorableText(text: string): boolean {
  return !text.includes(NUL) && !/\p{Surrogate}/u.test(text);
}

/** A text from elsewhere made fit to be stored: at most `max` characters, U+FFFD for what Postgres cannot store. */
export function storableText(text: string, max: number): string {
  return text
    .slice(0, max)
    .replaceAll(NUL, '\ufffd')
    .replace(/\p{Surrogate}/gu, '\ufffd');
}
