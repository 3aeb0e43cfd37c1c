import type { CheckpointInfo, Json } from './checkpoint.js';
import { CheckpointError } from './errors.js';

/** What a restore is told beside the state. */
export interface RestoreContext<Tx> {
  /**
   * The transaction that also holds the record of the rollback. Write with it, and the state and its history can
   * never disagree. The store may run the transaction again after a serialisation failure, so keep other effects out.
   */
  readonly tx: Tx;
  readonly subject: string;
  /** The version whose state is restored. */
  readonly checkpoint: CheckpointInfo;
  /** Who rolls back. */
  readonly by: string;
  /** Why. */
  readonly reason: string;
}

/** Knows the shape of a state: a zod schema, or anything with `parse`. */
export interface StateSchema<State> {
  /** Returns the state, or throws what is wrong with it. */
  parse(value: unknown): State;
}

/** How the owner of a kind of subject puts a state back. */
export interface SubjectHandler<State, Tx> {
  /**
   * Makes `state` the owner's present state. When it throws, the rollback did not happen and the caller gets the
   * error as it is.
   */
  restore(state: State, context: RestoreContext<Tx>): Promise<void> | void;
  /**
   * Checked when a state is saved and before one is restored; `restore` gets what it returns.
   * @defaultValue any JSON
   */
  schema?: StateSchema<State>;
}

/** A handler whose state type has been taken care of at registration. */
export interface RegisteredHandler<Tx> {
  check(state: unknown): void;
  restore(state: Json, context: RestoreContext<Tx>): Promise<void>;
}

/** The kind of a subject: `session` of `session:42`. */
export function kindOf(subject: string): string {
  const colon = subject.indexOf(':');
  return colon === -1 ? subject : subject.slice(0, colon);
}

function parsed<State>(schema: StateSchema<State>, value: unknown, kind: string): State {
  try {
    return schema.parse(value);
  } catch (cause) {
    throw new CheckpointError(
      'CHECKPOINT_STATE_INVALID',
      `State does not fit the schema of "${kind}": ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause, details: { kind } },
    );
  }
}

/** Handlers by kind of subject. */
export class Handlers<Tx> {
  readonly #byKind = new Map<string, RegisteredHandler<Tx>>();

  add<State>(kind: string, handler: SubjectHandler<State, Tx>): void {
    if (this.#byKind.has(kind)) {
      throw new CheckpointError(
        'CHECKPOINT_HANDLER_CONFLICT',
        `Kind "${kind}" already has a handler`,
        {
          details: { kind },
        },
      );
    }
    const { schema } = handler;
    this.#byKind.set(kind, {
      check(state) {
        if (schema !== undefined) parsed(schema, state, kind);
      },
      async restore(state, context) {
        // Without a schema the caller vouches for the type, as with JSON.parse.
        const value = schema === undefined ? (state as State) : parsed(schema, state, kind);
        await handler.restore(value, context);
      },
    });
  }

  find(subject: string): RegisteredHandler<Tx> | undefined {
    return this.#byKind.get(kindOf(subject));
  }

  get(subject: string): RegisteredHandler<Tx> {
    const handler = this.find(subject);
    if (handler !== undefined) return handler;
    const kind = kindOf(subject);
    throw new CheckpointError(
      'CHECKPOINT_HANDLER_NOT_FOUND',
      `Nobody registered how to restore "${kind}": call register('${kind}', { restore })`,
      { details: { subject, kind } },
    );
  }
}
