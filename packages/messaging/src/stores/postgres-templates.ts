import type { SqlDatabase, SqlExecutor, SqlTransaction } from '@holdfast/sql';
import type { StoredTemplate, Template } from '../types.js';
import { type TemplateRow, templateOf } from './postgres-rows.js';

const RECORDSET = 'json_to_recordset($1::json) as r(key text, locale text, body text)';

/** Keeps the templates. */
export class PostgresTemplates {
  readonly #db: SqlDatabase;
  readonly #schema: string;

  constructor(db: SqlDatabase, schema: string) {
    this.#db = db;
    this.#schema = schema;
  }

  async list(tx: SqlTransaction | undefined): Promise<StoredTemplate[]> {
    const { rows } = await (tx ?? this.#db).query<TemplateRow>(
      `select * from ${this.#schema}.messaging_templates order by key, locale`,
    );
    return rows.map(templateOf);
  }

  async put(
    templates: readonly Template[],
    onlyMissing: boolean,
    tx: SqlTransaction | undefined,
  ): Promise<StoredTemplate[]> {
    const conflict = onlyMissing
      ? 'do nothing'
      : 'do update set body = excluded.body, version = t.version + 1, updated_at = now()';
    return this.#write(tx ?? this.#db, templates, conflict);
  }

  async replace(templates: readonly Template[], tx: SqlTransaction | undefined): Promise<void> {
    if (tx === undefined) return this.#db.transaction((own) => this.#replace(own, templates));
    return this.#replace(tx, templates);
  }

  async #replace(tx: SqlTransaction, templates: readonly Template[]): Promise<void> {
    await tx.query(
      `delete from ${this.#schema}.messaging_templates t
       where not exists (select 1 from ${RECORDSET} where r.key = t.key and r.locale = t.locale)`,
      [JSON.stringify(templates)],
    );
    const changed = `do update set body = excluded.body, version = t.version + 1, updated_at = now()
      where t.body <> excluded.body`;
    await this.#write(tx, templates, changed);
  }

  async #write(
    executor: SqlExecutor,
    templates: readonly Template[],
    conflict: string,
  ): Promise<StoredTemplate[]> {
    if (templates.length === 0) return [];
    const { rows } = await executor.query<TemplateRow>(
      `insert into ${this.#schema}.messaging_templates as t (key, locale, body)
       select distinct on (r.key, r.locale) r.key, r.locale, r.body from ${RECORDSET} order by r.key, r.locale
       on conflict (key, locale) ${conflict} returning *`,
      [JSON.stringify(templates)],
    );
    return rows.map(templateOf);
  }
}
