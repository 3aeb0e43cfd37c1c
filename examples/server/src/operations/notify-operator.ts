import type { AppLogger } from '@holdfast/observability';
import { Webhook } from 'standardwebhooks';
import type { Escalation } from '../compose/queue.js';

/** Longest time that the operators' system may take to answer. */
const TIMEOUT_MS = 10_000;

/** Tells the operators of an escalation. Rejects when they could not be told: then the task is tried again. */
export type NotifyOperator = (
  escalation: Escalation,
  task: { readonly id: string; readonly signal: AbortSignal },
) => Promise<void>;

/** Options of {@link createNotifyOperator}. */
export interface NotifyOperatorOptions {
  /** Where the operators listen; without it a line is logged. */
  readonly url: string | undefined;
  readonly secrets: readonly string[];
  readonly logger: AppLogger;
}

/**
 * Sends a webhook signed as all others are (Standard Webhooks). Its id is the task's: repeated after a lost answer,
 * it is recognised. The address is the operators' own, from the configuration, so it is not guarded.
 */
export function createNotifyOperator(options: NotifyOperatorOptions): NotifyOperator {
  const { url, logger } = options;
  if (url === undefined) {
    return (escalation) => {
      logger.warn({ ...escalation }, 'a message needs a person');
      return Promise.resolve();
    };
  }
  const signers = options.secrets.map((secret) => new Webhook(secret));
  return async (escalation, { id, signal }) => {
    const now = new Date();
    const body = JSON.stringify({
      type: 'message.escalated',
      timestamp: now.toISOString(),
      data: escalation,
    });
    const response = await fetch(url, {
      method: 'POST',
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      headers: {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
        'webhook-signature': signers.map((signer) => signer.sign(id, now, body)).join(' '),
        ...(escalation.request_id === null ? {} : { 'x-request-id': escalation.request_id }),
      },
      body,
    });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`The operators' system answered ${response.status}`);
    logger.info({ message_id: escalation.message_id, task_id: id }, 'operators were told');
  };
}
