/** Letters that one language has and its neighbours have not. */
const UKRAINIAN = /[іїєґ]/g;
const RUSSIAN = /[ыэъё]/g;
const CYRILLIC = /\p{Script=Cyrillic}/gu;
const LATIN = /\p{Script=Latin}/gu;

/** Words that are frequent, and the same in no other of the languages. */
const UKRAINIAN_WORDS =
  /(?<!\p{L})(?:не працює|дякую|будь ласка|що|як|коли|де мо[єя]|добрий|привіт|вже|мені|з|та|чому|допоможіть|гроші)(?!\p{L})/gu;
const RUSSIAN_WORDS =
  /(?<!\p{L})(?:не работает|спасибо|пожалуйста|что|как|когда|где|добрый|привет|уже|мне|с|и|почему|помогите|деньги|нет)(?!\p{L})/gu;

const count = (pattern: RegExp, text: string): number => text.match(pattern)?.length ?? 0;

/**
 * The language of a text among English, Russian and Ukrainian: by script, then by letters that only one of them has,
 * then by frequent words. Where nothing decides (a short text, digits), the language of before stays.
 */
export function detectLanguage(text: string, before: string | null, fallback: string): string {
  const lower = text.toLowerCase();
  const cyrillic = count(CYRILLIC, lower);
  const latin = count(LATIN, lower);
  if (cyrillic === 0 && latin === 0) return before ?? fallback;
  if (latin > cyrillic) return before !== null && !['ru', 'uk'].includes(before) ? before : 'en';
  const ukrainian = count(UKRAINIAN, lower) * 2 + count(UKRAINIAN_WORDS, lower);
  const russian = count(RUSSIAN, lower) * 2 + count(RUSSIAN_WORDS, lower);
  if (ukrainian !== russian) return ukrainian > russian ? 'uk' : 'ru';
  return before === 'ru' || before === 'uk' ? before : 'ru';
}
