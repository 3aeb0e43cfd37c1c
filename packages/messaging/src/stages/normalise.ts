import { detectLanguage } from '../classify/language.js';
import type { Stage } from './stage.js';

/** A text made ready to be understood. */
export interface NormalisedText {
  readonly text: string;
  readonly locale: string;
}

const INVISIBLE = /[\p{Cc}\p{Cf}]+/gu;

/** One form for equal texts (NFKC), no control characters, single spaces. Emoji and letter case stay. */
export function normaliseText(text: string): string {
  return text.normalize('NFKC').replace(/\s+/g, ' ').replace(INVISIBLE, '').trim();
}

/** Cleans the text and finds its language, unless the message named one. */
export function normaliseStage(defaultLocale: string): Stage<string, NormalisedText> {
  return {
    name: 'normalise',
    run(original, { message, session }) {
      const text = normaliseText(original);
      const locale = message.locale ?? detectLanguage(text, session.locale, defaultLocale);
      return { kind: 'next', value: { text, locale } };
    },
  };
}
