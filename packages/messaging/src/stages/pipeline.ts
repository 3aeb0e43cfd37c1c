import type { ClaimedMessage, ProcessedMessage } from '../store.js';
import type { Reply } from '../types.js';
import { type AssessOptions, assessStage } from './assess.js';
import { type ClassifyOptions, classifyStage } from './classify.js';
import { normaliseStage } from './normalise.js';
import { type AnsweredText, type RespondOptions, respondStage } from './respond.js';
import { type ScheduleOptions, scheduleStage } from './schedule.js';
import { type Effect, type Stage, type StageContext, StageStop } from './stage.js';

/** What the stages need. */
export interface PipelineOptions
  extends ClassifyOptions,
    AssessOptions,
    RespondOptions,
    ScheduleOptions {}

/** Runs all stages over a message. @throws StageStop when a stage asks for another try, or for none */
export type Pipeline = (
  claimed: ClaimedMessage,
  context: StageContext,
) => Promise<ProcessedMessage>;

async function runStage<I, O>(
  stage: Stage<I, O>,
  input: I,
  context: StageContext,
  effects: Effect[],
): Promise<O> {
  const result = await stage.run(input, context);
  if (result.kind !== 'next')
    throw new StageStop(stage.name, result.error, result.kind === 'retry');
  effects.push(...(result.effects ?? []));
  return result.value;
}

function gather(
  claimed: ClaimedMessage,
  answered: AnsweredText,
  effects: readonly Effect[],
): ProcessedMessage {
  const replies: Reply[] = [];
  const tasks: ProcessedMessage['tasks'][number][] = [];
  let delivery: ProcessedMessage['delivery'] = null;
  let escalationReason: string | null = null;
  let greeted = false;
  for (const effect of effects) {
    if (effect.type === 'reply') replies.push(effect.reply);
    else if (effect.type === 'task') tasks.push(effect.task);
    else if (effect.type === 'delivery') delivery = effect.delivery;
    else if (effect.type === 'escalate') escalationReason = effect.reason;
    else greeted = true;
  }
  const { message, session, epoch } = claimed;
  const { category, confidence, source, cached, fallbacks, locale } = answered;
  const changed = greeted || fallbacks !== session.fallbacks || locale !== session.locale;
  return {
    messageId: message.id,
    sessionId: session.id,
    clientId: message.clientId,
    requestId: message.requestId,
    epoch,
    status: escalationReason === null ? 'responded' : 'escalated',
    normalisedText: answered.text,
    locale,
    classification: { category, confidence, source, cached },
    escalationReason,
    error: null,
    replies,
    delivery,
    session: changed ? { greeted, locale, fallbacks } : null,
    tasks,
  };
}

/** normalise → classify → assess → respond → schedule. */
export function createPipeline(options: PipelineOptions): Pipeline {
  const normalise = normaliseStage(options.defaultLocale);
  const classify = classifyStage(options);
  const assess = assessStage(options);
  const respond = respondStage(options);
  const schedule = scheduleStage(options);
  return async (claimed, context) => {
    const effects: Effect[] = [];
    const text = await runStage(normalise, claimed.message.text, context, effects);
    const classified = await runStage(classify, text, context, effects);
    const assessed = await runStage(assess, classified, context, effects);
    const answered = await runStage(respond, assessed, context, effects);
    const scheduled = await runStage(schedule, answered, context, effects);
    return gather(claimed, scheduled, effects);
  };
}
