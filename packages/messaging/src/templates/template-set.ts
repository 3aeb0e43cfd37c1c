import { FALLBACK_TEMPLATE } from '../scenarios.js';
import type { Template } from '../types.js';
import { type CompiledTemplate, compileTemplate, type TemplateValues } from './template.js';

/** A filled template. */
export interface RenderedTemplate {
  readonly text: string;
  readonly locale: string;
  /** Key of the template that was found, which may be the fallback's. */
  readonly template: string;
  /** Whether it is the one that was asked for, in the language or its base language. */
  readonly exact: boolean;
}

/** Options of {@link TemplateSet.render}. */
export interface RenderOptions {
  readonly locale: string;
  readonly defaultLocale: string;
  /** Whether the global fallback may stand in. */
  readonly allowFallback: boolean;
}

/** All templates, compiled, at one moment. */
export class TemplateSet {
  readonly #compiled = new Map<string, CompiledTemplate>();

  constructor(templates: readonly Template[]) {
    for (const { key, locale, body } of templates) {
      this.#compiled.set(`${key}\n${locale.toLowerCase()}`, compileTemplate(body));
    }
  }

  /**
   * Fills the template in the language, else in its base language (`pt` for `pt-BR`), else in the default language,
   * else the global fallback in the same order. `null` when none of these exists.
   */
  render(key: string, values: TemplateValues, options: RenderOptions): RenderedTemplate | null {
    const locale = options.locale.toLowerCase();
    const base = locale.split('-', 1)[0] ?? locale;
    const locales = [...new Set([locale, base, options.defaultLocale.toLowerCase()])];
    const keys =
      options.allowFallback && key !== FALLBACK_TEMPLATE ? [key, FALLBACK_TEMPLATE] : [key];
    for (const template of keys) {
      for (const candidate of locales) {
        const compiled = this.#compiled.get(`${template}\n${candidate}`);
        if (compiled === undefined) continue;
        const exact = template === key && (candidate === locale || candidate === base);
        return { text: compiled(values), locale: candidate, template, exact };
      }
    }
    return null;
  }
}
