import { UNKNOWN_CATEGORY } from '../scenarios.js';
import type { Classifier, ClassifierResult } from './classifier.js';
import { type ClassifierRule, defaultRules } from './default-rules.js';

/** What a category that matched nothing would have: keeps one weak word from being certain. */
const DOUBT = 0.6;
const MOST_CERTAIN = 0.99;
/** More of the same words make no other category of a long text. */
const MOST_A_RULE = 3;

interface CompiledRule {
  readonly category: string;
  readonly weight: number;
  readonly pattern: RegExp;
}

const escapePattern = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** `card*` matches the beginning of a word, ` ` any white space; without `*` the whole word. */
function termPattern(term: string): string {
  const open = term.endsWith('*');
  const words = (open ? term.slice(0, -1) : term).split(' ').map(escapePattern).join('\\s+');
  return open ? words : `${words}(?![\\p{L}\\p{N}])`;
}

function compile(rule: ClassifierRule): CompiledRule {
  const terms = rule.terms.map(termPattern).join('|');
  return {
    category: rule.category,
    weight: rule.weight ?? 1,
    pattern: new RegExp(`(?<![\\p{L}\\p{N}])(?:${terms})`, 'gu'),
  };
}

function countMatches(pattern: RegExp, text: string): number {
  let count = 0;
  for (const _ of text.matchAll(pattern)) {
    count += 1;
    if (count === MOST_A_RULE) break;
  }
  return count;
}

function judge(scores: ReadonlyMap<string, number>): ClassifierResult {
  let best = UNKNOWN_CATEGORY;
  let top = 0;
  let second = 0;
  let sum = 0;
  for (const [category, score] of scores) {
    sum += score;
    if (score > top) {
      second = top;
      top = score;
      best = category;
    } else if (score > second) second = score;
  }
  if (top === 0) return { category: UNKNOWN_CATEGORY, confidence: 0, margin: 0, source: 'rules' };
  return {
    category: best,
    confidence: Math.min(MOST_CERTAIN, top / (sum + DOUBT)),
    margin: (top - second) / sum,
    source: 'rules',
  };
}

/**
 * Classifies by words: English, Russian and Ukrainian ones by default. The confidence is the best category's share of
 * all that matched, so a text that speaks of two things is uncertain.
 */
export function ruleClassifier(rules: readonly ClassifierRule[] = defaultRules): Classifier {
  const compiled = rules.map(compile);
  return {
    version: `rules-${rules.length}`,
    classify({ text }) {
      const lower = text.toLowerCase();
      const scores = new Map<string, number>();
      for (const { category, weight, pattern } of compiled) {
        const matches = countMatches(pattern, lower);
        if (matches > 0) scores.set(category, (scores.get(category) ?? 0) + weight * matches);
      }
      return judge(scores);
    },
  };
}
