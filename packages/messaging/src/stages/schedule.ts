import type { TraceCarrier } from '../types.js';
import { uuidv7 } from '../uuid.js';
import { webhookBody } from '../wire.js';
import type { AnsweredText } from './respond.js';
import type { Effect, Stage } from './stage.js';

/** Options of {@link scheduleStage}. */
export interface ScheduleOptions {
  /** Whether escalations become tasks. */
  readonly tasks: boolean;
  /** Headers of the trace in progress. */
  readonly carrier: () => TraceCarrier;
}

/** Makes the one delivery of the message, and the task for a person where one is needed. Sends nothing itself. */
export function scheduleStage(options: ScheduleOptions): Stage<AnsweredText, AnsweredText> {
  return {
    name: 'schedule',
    run(input, { now, message, session }) {
      const url = message.webhookUrl ?? session.webhookUrl;
      const status = input.escalationReason === null ? 'responded' : 'escalated';
      const body = webhookBody({
        at: now,
        message,
        status,
        category: input.category,
        confidence: input.confidence,
        replies: input.replies,
      });
      const effects: Effect[] = [];
      if (options.tasks && input.escalationReason !== null) {
        effects.push({
          type: 'task',
          task: {
            name: 'escalation.notify',
            idempotencyKey: `escalation:${message.id}`,
            payload: {
              message_id: message.id,
              session_id: session.id,
              client_id: message.clientId,
              platform: message.platform,
              chat_id: message.chatId,
              category: input.category,
              confidence: input.confidence,
              reason: input.escalationReason,
              request_id: message.requestId,
            },
          },
        });
      }
      const host = url === null ? null : new URL(url).host;
      const delivery = { id: uuidv7(), url, host, body, carrier: options.carrier() };
      effects.push({ type: 'delivery', delivery });
      return { kind: 'next', value: input, effects };
    },
  };
}
