import { createHash } from 'node:crypto';
import { canonicalJson } from './canonical-json.js';
import { describeReceived, type FieldError, invalidInput } from './errors.js';
import { isHeaderText, isStorableText, LIMITS, LOCALE_PATTERN } from './limits.js';
import type { NewMessage } from './store.js';
import type { AcceptInput } from './types.js';
import { brokenUrlRule, type UrlRules } from './webhooks/webhook-url.js';

/** What belongs to the request rather than to the message. */
export interface AcceptOptions {
  /**
   * The same key with the same input is one message, however often and however concurrently it is handed in;
   * 1 to 255 printable ASCII characters. Keys are each client's own.
   */
  idempotencyKey?: string;
  /** Address of the caller, for the trace. */
  ip?: string;
  /** Goes with the message through every stage and attempt. @defaultValue the baggage entry `request.id` */
  requestId?: string;
}

/** The fields of a new message that come from the caller. */
export type CheckedInput = Pick<
  NewMessage,
  | 'clientId'
  | 'text'
  | 'webhookUrl'
  | 'platform'
  | 'chatId'
  | 'locale'
  | 'metadata'
  | 'idempotency'
  | 'requestId'
>;

const FIELDS = [
  'clientId',
  'text',
  'webhookUrl',
  'platform',
  'chatId',
  'locale',
  'metadata',
] as const;

class Checker {
  readonly errors: FieldError[] = [];

  fail(path: string, rule: string, value: unknown): null {
    this.errors.push({ path, rule, received: describeReceived(value) });
    return null;
  }

  text(path: string, value: unknown, max: number): string | null {
    if (typeof value !== 'string' || value.length === 0 || value.length > max) {
      return this.fail(path, `a text of 1 to ${max} characters`, value);
    }
    return isStorableText(value)
      ? value
      : this.fail(path, 'text without NUL and half surrogate pairs', value);
  }

  optionalText(path: string, value: unknown, max: number): string | null {
    return value === undefined || value === null ? null : this.text(path, value, max);
  }

  messageText(value: unknown): string {
    const text = this.text('text', value, LIMITS.text);
    if (text?.trim() === '') this.fail('text', 'a text that is not only white space', value);
    return text ?? '';
  }

  url(value: unknown, rules: UrlRules): string | null {
    if (value === undefined || value === null) return null;
    if (typeof value !== 'string') return this.fail('webhookUrl', 'a URL', value);
    const rule = isStorableText(value) ? brokenUrlRule(value, rules) : 'a URL without NUL';
    return rule === null ? value : this.fail('webhookUrl', rule, value);
  }

  locale(value: unknown): string | null {
    const locale = this.optionalText('locale', value, LIMITS.locale);
    if (locale === null || LOCALE_PATTERN.test(locale)) return locale;
    return this.fail('locale', "a language tag such as 'uk' or 'en-GB'", value);
  }

  metadata(value: unknown): Record<string, unknown> | null {
    if (value === undefined || value === null) return null;
    if (!isObject(value)) return this.fail('metadata', 'a plain object', value);
    const json = jsonOf(value);
    const parsed: unknown = json === null ? null : JSON.parse(json);
    if (json === null || !isObject(parsed) || isDeeperThan(parsed, LIMITS.metadataDepth)) {
      const rule = `plain JSON data of at most ${LIMITS.metadataDepth} levels`;
      return this.fail('metadata', rule, value);
    }
    if (Buffer.byteLength(json) > LIMITS.metadataBytes) {
      return this.fail('metadata', `at most ${LIMITS.metadataBytes} bytes as JSON`, value);
    }
    // JSON.stringify writes what Postgres cannot store as these escapes; an escaped backslash before `u` is harmless.
    if (/(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/i.test(json)) {
      return this.fail('metadata', 'JSON without NUL and half surrogate pairs', value);
    }
    return parsed;
  }

  header(path: string, value: unknown, max: number): string | null {
    if (value === undefined || value === null) return null;
    if (typeof value === 'string' && isHeaderText(value, max)) return value;
    return this.fail(path, `1 to ${max} printable ASCII characters`, value);
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Ends at the limit: deeper data would exhaust the stack of whoever walks through it, the database's too. */
function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeperThan(inner, levels - 1));
}

function jsonOf(value: object): string | null {
  try {
    return JSON.stringify(value) ?? null;
  } catch {
    return null; // circular, a BigInt, or far too deep
  }
}

/** Looks at everything before anything is stored. @throws MessagingError `MESSAGING_INPUT_INVALID` naming every field at fault */
export function checkAcceptInput(
  input: AcceptInput,
  options: AcceptOptions,
  rules: UrlRules,
): CheckedInput {
  const check = new Checker();
  if (input === null || typeof input !== 'object')
    throw invalidInput([{ path: 'input', rule: 'an object', received: describeReceived(input) }]);
  for (const name of Object.keys(input)) {
    if (!(FIELDS as readonly string[]).includes(name))
      check.fail(name, 'absent: no such field', 'present');
  }
  const fields = {
    clientId: check.text('clientId', input.clientId, LIMITS.clientId) ?? '',
    text: check.messageText(input.text),
    webhookUrl: check.url(input.webhookUrl, rules),
    platform: check.optionalText('platform', input.platform, LIMITS.platform),
    chatId: check.optionalText('chatId', input.chatId, LIMITS.chatId),
    locale: check.locale(input.locale),
    metadata: check.metadata(input.metadata),
  };
  const key = check.header('idempotencyKey', options.idempotencyKey, LIMITS.idempotencyKey);
  const requestId = check.header('requestId', options.requestId, LIMITS.requestId);
  if (check.errors.length > 0) throw invalidInput(check.errors);
  const idempotency = key === null ? null : { key, fingerprint: fingerprint(fields) };
  return { ...fields, requestId, idempotency };
}

function fingerprint(fields: object): string {
  return createHash('sha256').update(canonicalJson(fields)).digest('base64url');
}
