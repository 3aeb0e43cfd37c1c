import { ESCALATION_TEMPLATE, FALLBACK_TEMPLATE, GREETING_TEMPLATE } from '../scenarios.js';
import type { TemplateValues } from '../templates/template.js';
import type { RenderedTemplate, TemplateSet } from '../templates/template-set.js';
import type { Reply, ReplyPurpose } from '../types.js';
import { uuidv7 } from '../uuid.js';
import type { AssessedText } from './assess.js';
import type { Effect, Stage, StageContext } from './stage.js';

/** Options of {@link respondStage}. */
export interface RespondOptions {
  readonly templates: () => Promise<TemplateSet>;
  readonly defaultLocale: string;
}

/** An assessed text with its replies. */
export interface AnsweredText extends AssessedText {
  readonly replies: readonly Reply[];
}

/** Which template with which purpose answers, apart from the greeting. */
function choose(input: AssessedText): { key: string; purpose: ReplyPurpose } {
  const { scenario, escalationReason } = input;
  const key = scenario?.template ?? FALLBACK_TEMPLATE;
  // An instruction is sent whether or not a person is called, and never with the general escalation text after it.
  if (scenario?.purpose === 'instruction') return { key, purpose: 'instruction' };
  if (escalationReason === null) return { key, purpose: 'answer' };
  if (scenario?.escalate === true) return { key, purpose: 'escalation' };
  return { key: ESCALATION_TEMPLATE, purpose: 'escalation' };
}

function warnUnlessExact(
  key: string,
  locale: string,
  found: RenderedTemplate | null,
  context: StageContext,
): void {
  if (found?.exact === true) return;
  context.logger.warn(
    {
      message_id: context.message.id,
      template: key,
      locale,
      used: found?.template ?? null,
      used_locale: found?.locale ?? null,
    },
    'a template is missing',
  );
}

/** Greets once a session, then answers. Without any template to answer with, a person is called. */
export function respondStage(options: RespondOptions): Stage<AssessedText, AnsweredText> {
  return {
    name: 'respond',
    async run(input, context) {
      const templates = await options.templates();
      const { message, session } = context;
      const values: TemplateValues = {
        client_id: message.clientId,
        session_id: session.id,
        message_id: message.id,
        platform: message.platform,
        category: input.category,
        text: message.text,
      };
      const { locale } = input;
      const { defaultLocale } = options;
      const effects: Effect[] = [];
      const replies: Reply[] = [];
      const say = (key: string, purpose: ReplyPurpose): boolean => {
        const allowFallback = purpose !== 'greeting';
        const found = templates.render(key, values, { locale, defaultLocale, allowFallback });
        warnUnlessExact(key, locale, found, context);
        if (found === null) return false;
        const { text, template } = found;
        const reply: Reply = { id: uuidv7(), purpose, text, locale: found.locale, template };
        replies.push(reply);
        effects.push({ type: 'reply', reply });
        return true;
      };
      if (session.greetedAt === null && say(GREETING_TEMPLATE, 'greeting'))
        effects.push({ type: 'greeted' });
      const { key, purpose } = choose(input);
      if (say(key, purpose)) return { kind: 'next', value: { ...input, replies }, effects };
      const escalationReason = input.escalationReason ?? 'template_missing';
      effects.push({ type: 'escalate', reason: escalationReason });
      return { kind: 'next', value: { ...input, escalationReason, replies }, effects };
    },
  };
}
