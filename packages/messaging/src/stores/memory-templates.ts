import type { StoredTemplate, Template } from '../types.js';

const keyOf = ({ key, locale }: Template): string => `${key}\n${locale}`;

/** The templates of the memory store. */
export class MemoryTemplates {
  readonly #now: () => number;
  readonly #templates = new Map<string, StoredTemplate>();

  constructor(now: () => number) {
    this.#now = now;
  }

  list(): StoredTemplate[] {
    return [...this.#templates]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, template]) => template);
  }

  put(templates: readonly Template[], onlyMissing: boolean): StoredTemplate[] {
    const written: StoredTemplate[] = [];
    for (const template of templates) {
      const before = this.#templates.get(keyOf(template));
      if (onlyMissing && before !== undefined) continue;
      const { key, locale, body } = template;
      const version = (before?.version ?? 0) + 1;
      const stored = { key, locale, body, version, updatedAt: new Date(this.#now()) };
      this.#templates.set(keyOf(template), stored);
      written.push(stored);
    }
    return written;
  }

  replace(templates: readonly Template[]): void {
    const wanted = new Map(templates.map((template) => [keyOf(template), template]));
    for (const key of this.#templates.keys()) {
      if (!wanted.has(key)) this.#templates.delete(key);
    }
    this.put(
      [...wanted]
        .filter(([key, { body }]) => this.#templates.get(key)?.body !== body)
        .map(([, t]) => t),
      false,
    );
  }
}
