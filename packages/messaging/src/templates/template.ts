import { describeReceived, type FieldError, MessagingError } from '../errors.js';
import { isStorableText, LIMITS, LOCALE_PATTERN, TEMPLATE_KEY_PATTERN } from '../limits.js';
import { TEMPLATE_VARIABLES, type Template } from '../types.js';

/** Values for the places of a template. */
export type TemplateValues = Readonly<Record<string, string | null>>;

/** A template made ready to fill. */
export type CompiledTemplate = (values: TemplateValues) => string;

/** White space is part of the name and trimmed: a pattern that tells them apart would try every way to divide it. */
const PLACE = /\{\{([^{}]*)\}\}/g;
const nameIn = (match: RegExpMatchArray): string => (match[1] ?? '').trim();

/** What is wrong with a template's body; `null` when nothing is. */
function bodyRule(body: unknown): string | null {
  if (typeof body !== 'string' || body.trim() === '' || body.length > LIMITS.templateBody) {
    return `a text of 1 to ${LIMITS.templateBody} characters`;
  }
  if (!isStorableText(body)) return 'text without NUL and half surrogate pairs';
  const known = TEMPLATE_VARIABLES.join(', ');
  for (const match of body.matchAll(PLACE)) {
    if (!TEMPLATE_VARIABLES.includes(nameIn(match))) return `a text whose places are of ${known}`;
  }
  return /\{\{|\}\}/.test(body.replace(PLACE, '')) ? 'a text in which every {{ has its }}' : null;
}

/** Refuses a template that could not be stored or filled. @throws MessagingError `MESSAGING_TEMPLATE_INVALID` */
export function checkTemplate(template: Template): void {
  const errors: FieldError[] = [];
  const check = (path: string, rule: string | null, value: unknown): void => {
    if (rule !== null) errors.push({ path, rule, received: describeReceived(value) });
  };
  const keyFits = typeof template.key === 'string' && TEMPLATE_KEY_PATTERN.test(template.key);
  check('key', keyFits ? null : `1 to ${LIMITS.templateKey} of A-Z a-z 0-9 _ . : -`, template.key);
  const localeFits =
    LOCALE_PATTERN.test(template.locale) && template.locale.length <= LIMITS.locale;
  check('locale', localeFits ? null : "a language tag such as 'uk'", template.locale);
  check('body', bodyRule(template.body), template.body);
  const first = errors[0];
  if (first === undefined) return;
  throw new MessagingError(
    'MESSAGING_TEMPLATE_INVALID',
    `Template ${describeReceived(template.key)}: ${first.path} must be ${first.rule}, got ${first.received}`,
    { details: { errors } },
  );
}

/** Splits a body once, so that filling it is joining. Values are put in as they are: nothing in them is a place. */
export function compileTemplate(body: string): CompiledTemplate {
  const texts: string[] = [];
  const names: string[] = [];
  let from = 0;
  for (const match of body.matchAll(PLACE)) {
    texts.push(body.slice(from, match.index));
    names.push(nameIn(match));
    from = match.index + match[0].length;
  }
  const tail = body.slice(from);
  return (values) => {
    let out = '';
    for (const [i, name] of names.entries()) out += (texts[i] ?? '') + (values[name] ?? '');
    return out + tail;
  };
}
