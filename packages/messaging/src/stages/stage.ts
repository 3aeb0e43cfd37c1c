import type { Logger, TaskRequest } from '../ports.js';
import type { NewDelivery } from '../store.js';
import type { Message, Reply, Session } from '../types.js';

/** Something lasting that a stage asks for. Stages only say it; the runner writes all of a message's in one transaction. */
export type Effect =
  | { readonly type: 'reply'; readonly reply: Reply }
  | { readonly type: 'greeted' }
  | { readonly type: 'escalate'; readonly reason: string }
  | { readonly type: 'task'; readonly task: TaskRequest }
  | { readonly type: 'delivery'; readonly delivery: NewDelivery };

/** What a stage came to. */
export type StageResult<O> =
  | { readonly kind: 'next'; readonly value: O; readonly effects?: readonly Effect[] }
  /** Try the whole message again later. */
  | { readonly kind: 'retry'; readonly error: string }
  /** Trying again is of no use: the message is `failed`. */
  | { readonly kind: 'fail'; readonly error: string };

/** What every stage may look at. */
export interface StageContext {
  readonly now: Date;
  readonly message: Message;
  readonly session: Session;
  readonly logger: Logger;
}

/** One step of processing. It computes and never writes, so it may be run again after a crash. */
export interface Stage<I, O> {
  /** For logs and errors. */
  readonly name: string;
  run(input: I, context: StageContext): Promise<StageResult<O>> | StageResult<O>;
}

/** Ends a pipeline early. */
export class StageStop extends Error {
  override readonly name = 'StageStop';
  /** Whether another try may help. */
  readonly retryable: boolean;

  constructor(stage: string, message: string, retryable: boolean) {
    super(`${stage}: ${message}`);
    this.retryable = retryable;
  }
}
