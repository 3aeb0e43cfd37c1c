import { createHash } from 'node:crypto';
import type { Classifier, ClassifierInput, ClassifierResult } from '../classify/classifier.js';
import { ruleClassifier } from '../classify/rule-classifier.js';
import { isStorableText } from '../limits.js';
import type { CachePort, Clock } from '../ports.js';
import type { NormalisedText } from './normalise.js';
import type { Stage, StageContext } from './stage.js';

/** A text with its category. */
export interface ClassifiedText extends NormalisedText {
  readonly category: string;
  readonly confidence: number;
  readonly margin: number;
  readonly source: string;
  readonly cached: boolean;
}

/** Options of {@link classifyStage}. */
export interface ClassifyOptions {
  readonly classifier: Classifier;
  readonly timeoutMs: number;
  readonly cache: CachePort | undefined;
  readonly cacheTtlMs: number;
  readonly clock: Clock;
}

const rules = ruleClassifier();

const isShare = (value: unknown): value is number =>
  typeof value === 'number' && value >= 0 && value <= 1;

const isName = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && value.length <= 64 && isStorableText(value);

/** A classifier may be somebody's model, and the cache may hold what an older version wrote: both are looked at. */
function isResult(value: unknown): value is ClassifierResult {
  if (value === null || typeof value !== 'object') return false;
  const { category, confidence, source, margin } = value as Partial<Record<string, unknown>>;
  const marginFits = margin === undefined || isShare(margin);
  return isName(category) && isShare(confidence) && marginFits && isName(source);
}

async function callClassifier(
  input: ClassifierInput,
  options: ClassifyOptions,
): Promise<ClassifierResult> {
  const abort = new AbortController();
  const { promise: timedOut, reject } = withRejecter();
  const timer = options.clock.setTimeout(() => {
    abort.abort();
    reject(new Error(`The classifier took longer than ${options.timeoutMs} ms`));
  }, options.timeoutMs);
  try {
    const answer = options.classifier.classify(input, { signal: abort.signal });
    const result: unknown = await Promise.race([answer, timedOut]);
    if (!isResult(result)) throw new Error('The classifier answered something that is no result');
    return result;
  } finally {
    timer.clear();
  }
}

function withRejecter(): { promise: Promise<never>; reject: (error: Error) => void } {
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<never>((_, rejecter) => {
    reject = rejecter;
  });
  promise.catch(() => {}); // it may be rejected when nobody waits any more
  return { promise, reject };
}

function cacheKey(input: ClassifierInput, version: string): string {
  const hash = createHash('sha256').update(`${input.locale}\n${input.text.toLowerCase()}`);
  return `classification:${version}:${hash.digest('base64url')}`;
}

/** Through the cache; past it when the cache itself fails. */
async function classifyCached(
  input: ClassifierInput,
  options: ClassifyOptions,
  { logger }: StageContext,
): Promise<{ result: ClassifierResult; cached: boolean }> {
  const { cache } = options;
  if (cache === undefined) return { result: await callClassifier(input, options), cached: false };
  let asked = false;
  let classifierFailed = false;
  const factory = async (): Promise<ClassifierResult> => {
    asked = true;
    try {
      return await callClassifier(input, options);
    } catch (error) {
      classifierFailed = true;
      throw error;
    }
  };
  try {
    const key = cacheKey(input, options.classifier.version ?? '1');
    const result: unknown = await cache.getOrSet(key, factory, { ttl: options.cacheTtlMs });
    if (isResult(result)) return { result, cached: !asked };
  } catch (error) {
    if (classifierFailed) throw error;
    logger.warn({ err: error }, 'the classification cache failed; going on without it');
  }
  return { result: await callClassifier(input, options), cached: false };
}

/** Names the category. When the classifier fails, the built-in rules decide, and what they say is not cached. */
export function classifyStage(options: ClassifyOptions): Stage<NormalisedText, ClassifiedText> {
  return {
    name: 'classify',
    async run(input, context) {
      const { result, cached } = await classifyCached(input, options, context).catch(
        async (error) => {
          context.logger.warn(
            { err: error, message_id: context.message.id },
            'the classifier failed; the built-in rules decide',
          );
          const signal = new AbortController().signal;
          const fallback = await rules.classify(input, { signal });
          return { result: { ...fallback, source: 'rules-fallback' }, cached: false };
        },
      );
      const { category, confidence, source, margin = 1 } = result;
      return { kind: 'next', value: { ...input, category, confidence, margin, source, cached } };
    },
  };
}
