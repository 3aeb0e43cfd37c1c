import { SqlError } from './errors.js';

/** Sees to it that one statement name stands for one text: a server would silently run the first. */
export class StatementNames {
  readonly #texts = new Map<string, string>();

  check(name: string | undefined, text: string): void {
    if (name === undefined) return;
    const known = this.#texts.get(name);
    if (known === text) return;
    if (known === undefined) {
      this.#texts.set(name, text);
      return;
    }
    throw new SqlError(
      'SQL_STATEMENT_INVALID',
      `The statement name ${JSON.stringify(name)} was used for another text: one name always stands for one text`,
      { details: { name } },
    );
  }
}
