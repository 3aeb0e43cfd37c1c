/** What is answered to a category. */
export interface Scenario {
  /** The category, as the classifier names it. */
  readonly category: string;
  /** Key of the template of the reply. */
  readonly template: string;
  /**
   * `answer` answers. `instruction` asks the client for something and is sent even when the message escalates;
   * then no escalation text follows it.
   * @defaultValue `'answer'`
   */
  readonly purpose?: 'answer' | 'instruction';
  /** Whether a person must look at each such message. @defaultValue false */
  readonly escalate?: boolean;
}

/** Category of what was not understood. Its scenario is the fallback. */
export const UNKNOWN_CATEGORY = 'UNKNOWN';

/** Key of the template that is used when a scenario's own is missing. */
export const FALLBACK_TEMPLATE = 'fallback';

/** Key of the template that opens a session. */
export const GREETING_TEMPLATE = 'greeting';

/** Key of the template that says a person will answer. */
export const ESCALATION_TEMPLATE = 'escalation';

/** The scenarios that `ruleClassifier()` and `defaultTemplates` know. */
export const defaultScenarios: readonly Scenario[] = [
  { category: 'TECH_SUPPORT_BASIC', template: 'tech_support_basic', purpose: 'instruction' },
  { category: 'MASS_OUTAGE', template: 'mass_outage' },
  { category: 'BILLING', template: 'billing' },
  { category: 'PAYMENT', template: 'payment' },
  { category: 'CARD', template: 'card' },
  { category: 'ACCOUNT_ACCESS', template: 'account_access' },
  { category: 'ORDER', template: 'order' },
  { category: 'FRAUD', template: 'fraud', escalate: true },
  { category: 'ESCALATE_TO_HUMAN', template: ESCALATION_TEMPLATE, escalate: true },
  { category: 'GREETING', template: 'how_to_help' },
  { category: 'THANKS', template: 'thanks' },
  { category: UNKNOWN_CATEGORY, template: FALLBACK_TEMPLATE },
];
