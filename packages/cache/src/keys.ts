import { CacheError } from './errors.js';
import { describe, optionInvalid } from './option-checks.js';

/** Begins what the cache adds of its own: keys of nested namespaces, and the tags by which they are cleared. */
export const OWN = '\u0000';

const MAX_KEY_LENGTH = 1_024;

/** Refuses a key that could not be told from another one in every tier. */
export function checkKey(key: unknown): asserts key is string {
  const ok =
    typeof key === 'string' &&
    key.length > 0 &&
    key.length <= MAX_KEY_LENGTH &&
    !key.startsWith(OWN) &&
    key.isWellFormed();
  if (!ok) {
    const rule = `a well-formed string of 1 to ${MAX_KEY_LENGTH} characters that does not begin with U+0000`;
    throw new CacheError(
      'CACHE_KEY_INVALID',
      `Expected \`key\` to be ${rule}, got ${describe(key)}`,
    );
  }
}

const MAX_TAG_LENGTH = 256;
const MAX_TAGS = 64;

/** Refuses tags that are not names; returns them without repetition. */
export function checkTags(tags: unknown, option = 'tags'): readonly string[] {
  if (!Array.isArray(tags)) throw optionInvalid(option, 'an array of strings', tags);
  for (const tag of tags) {
    const ok =
      typeof tag === 'string' &&
      tag.length > 0 &&
      tag.length <= MAX_TAG_LENGTH &&
      !tag.startsWith(OWN) &&
      tag.isWellFormed();
    if (!ok) {
      const rule = `well-formed strings of 1 to ${MAX_TAG_LENGTH} characters that do not begin with U+0000`;
      throw optionInvalid(option, rule, tag);
    }
  }
  return tags.length < 2 ? tags : [...new Set<string>(tags)];
}

/** {@link checkTags} of one entry. */
export function checkEntryTags(tags: unknown): readonly string[] {
  const checked = checkTags(tags);
  if (checked.length > MAX_TAGS) {
    throw optionInvalid('tags', `at most ${MAX_TAGS} tags an entry`, `${checked.length} tags`);
  }
  return checked;
}
