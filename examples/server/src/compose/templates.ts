import {
  type CheckpointInfo,
  type Checkpoints,
  createCheckpoints,
  isCheckpointError,
} from '@holdfast/checkpoint';
import { postgresStore } from '@holdfast/checkpoint/postgres';
import type { MessagingAdmin, StoredTemplate, Template } from '@holdfast/messaging';
import type { SqlDatabase, SqlTransaction } from '@holdfast/sql';

/** The whole set as it is kept in a checkpoint: body by locale by key. */
type TemplateState = Record<string, Record<string, string>>;

const SUBJECT = 'templates';
/** Changes of templates wait for one another, so that each checkpoint holds the whole set as it was. */
const LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('holdfast.server.templates', 0))";

function toState(templates: readonly Template[]): TemplateState {
  const state: TemplateState = {};
  for (const { key, locale, body } of templates) {
    state[key] = { ...state[key], [locale]: body };
  }
  return state;
}

function fromState(state: TemplateState): Template[] {
  return Object.entries(state).flatMap(([key, bodies]) =>
    Object.entries(bodies).map(([locale, body]) => ({ key, locale, body })),
  );
}

/** The templates with their history: every change is one transaction with a checkpoint of the whole set. */
export class TemplateLibrary {
  /** The history of the set; its subject is {@link TemplateLibrary.subject}. */
  readonly checkpoints: Checkpoints<SqlTransaction>;
  /** What the history is called. */
  readonly subject = SUBJECT;
  readonly #db: SqlDatabase;
  readonly #admin: MessagingAdmin;
  readonly #migrate: () => Promise<void>;

  constructor(db: SqlDatabase, admin: MessagingAdmin) {
    const store = postgresStore(db);
    this.#db = db;
    this.#admin = admin;
    this.#migrate = () => store.migrate();
    this.checkpoints = createCheckpoints({ store });
    this.checkpoints.register<TemplateState>(SUBJECT, {
      restore: (state, { tx }) => admin.replaceTemplates(fromState(state), { tx }),
    });
  }

  /** Makes tables, and the first version of what is there: so the first change can be taken back too. */
  async init(): Promise<void> {
    await this.#migrate();
    if ((await this.checkpoints.latest(SUBJECT)) !== null) return;
    try {
      await this.#locked(async (tx) => {
        const state = toState(await this.#admin.listTemplates({ tx }));
        const first = { author: 'server', label: 'defaults', expectedVersion: 0 };
        await this.checkpoints.save(SUBJECT, state, { ...first, tx });
      });
    } catch (error) {
      // Another process was first.
      if (!isCheckpointError(error) || error.code !== 'CHECKPOINT_VERSION_CONFLICT') throw error;
    }
  }

  /** Every template as it is now. */
  list(): Promise<StoredTemplate[]> {
    return this.#admin.listTemplates();
  }

  /** Writes one template. */
  put(
    template: Template,
    by: string,
  ): Promise<{ template: StoredTemplate; checkpoint: CheckpointInfo }> {
    return this.#locked(async (tx) => {
      const stored = await this.#admin.putTemplate(template, { tx });
      const state = toState(await this.#admin.listTemplates({ tx }));
      const metadata = { key: template.key, locale: template.locale };
      const checkpoint = await this.checkpoints.save(SUBJECT, state, { author: by, metadata, tx });
      return { template: stored, checkpoint };
    });
  }

  /** Makes the set again what it was at a version. */
  rollback(version: number, by: string, reason: string): Promise<CheckpointInfo> {
    return this.#locked((tx) =>
      this.checkpoints.rollback(SUBJECT, { to: version, by, reason, tx }),
    );
  }

  #locked<T>(fn: (tx: SqlTransaction) => Promise<T>): Promise<T> {
    return this.#db.transaction(async (tx) => {
      await tx.query(LOCK);
      return fn(tx);
    });
  }
}
