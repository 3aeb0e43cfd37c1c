import { type Scenario, UNKNOWN_CATEGORY } from '../scenarios.js';
import type { ClassifiedText } from './classify.js';
import type { Effect, Stage } from './stage.js';

/** A classified text with what is to be done about it. */
export interface AssessedText extends ClassifiedText {
  /** `null` when there is no scenario, not even for the unknown. */
  readonly scenario: Scenario | null;
  /** Why a person must look at it. */
  readonly escalationReason: string | null;
  /** Messages in a row that were not understood, this one included. */
  readonly fallbacks: number;
}

/** Options of {@link assessStage}. */
export interface AssessOptions {
  readonly scenarios: ReadonlyMap<string, Scenario>;
  readonly minConfidence: number;
  readonly minMargin: number;
  readonly maxFallbacks: number;
}

type Assessment = Pick<AssessedText, 'scenario' | 'escalationReason' | 'fallbacks'>;

function assess(
  input: ClassifiedText,
  fallbacksBefore: number,
  options: AssessOptions,
): Assessment {
  const scenario = options.scenarios.get(input.category) ?? null;
  const sure = input.confidence >= options.minConfidence && input.margin >= options.minMargin;
  if (scenario !== null && sure && input.category !== UNKNOWN_CATEGORY) {
    const escalationReason = scenario.escalate === true ? 'scenario' : null;
    return { scenario, escalationReason, fallbacks: 0 };
  }
  // What is asked of the client is useful even when we are not sure; a person looks at it as well.
  if (scenario?.purpose === 'instruction') {
    return { scenario, escalationReason: 'low_confidence', fallbacks: 0 };
  }
  const fallbacks = fallbacksBefore + 1;
  return {
    scenario: options.scenarios.get(UNKNOWN_CATEGORY) ?? null,
    escalationReason: fallbacks > options.maxFallbacks ? 'not_understood' : null,
    fallbacks,
  };
}

/** Decides between the scenario's answer, the fallback and a person. */
export function assessStage(options: AssessOptions): Stage<ClassifiedText, AssessedText> {
  return {
    name: 'assess',
    run(input, { session }) {
      const assessment = assess(input, session.fallbacks, options);
      const reason = assessment.escalationReason;
      const effects: Effect[] = reason === null ? [] : [{ type: 'escalate', reason }];
      return { kind: 'next', value: { ...input, ...assessment }, effects };
    },
  };
}
