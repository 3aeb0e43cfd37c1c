// @ts-check
/*
 * What the messages of a window say more often than those before: runs in a thread (it cuts every message into words),
 * which loads it as it stands. Therefore it is JavaScript, with its types in comments.
 */

/** @typedef {import('./trends.js').TrendsInput} TrendsInput */
/** @typedef {import('./trends.js').TrendsReport} TrendsReport */

const MOST_TERMS = 20;
/** A word of fewer messages is chance, whatever its score. */
const LEAST_MESSAGES = 3;
/** The score beyond which a difference of this size is chance once in a thousand: chi-square, one degree of freedom. */
const SIGNIFICANT = 10.83;
const LEAST_CHARS = 3;

const words = new Intl.Segmenter(undefined, { granularity: 'word' });

/**
 * In how many texts each word is.
 * @param {readonly string[]} texts
 * @param {AbortSignal} signal
 * @returns {Map<string, number>}
 */
function messagesByWord(texts, signal) {
  const counts = new Map();
  for (const text of texts) {
    signal.throwIfAborted();
    const seen = new Set();
    for (const { segment, isWordLike } of words.segment(text.toLowerCase())) {
      if (isWordLike && segment.length >= LEAST_CHARS) seen.add(segment);
    }
    for (const word of seen) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return counts;
}

/**
 * How unlikely it is that both windows speak of a word equally often: the log-likelihood ratio.
 * Source: T. Dunning, Accurate Methods for the Statistics of Surprise and Coincidence, 1993.
 * @param {number} a messages with the word now
 * @param {number} b messages with the word before
 * @param {number} n messages now
 * @param {number} m messages before
 */
function surprise(a, b, n, m) {
  const part = (/** @type {number} */ count, /** @type {number} */ of) =>
    count === 0 ? 0 : count * Math.log(count / of);
  const share = (a + b) / (n + m);
  const rest = 1 - share;
  return (
    2 * (part(a, n * share) + part(b, m * share) + part(n - a, n * rest) + part(m - b, m * rest))
  );
}

/**
 * @param {TrendsInput} input
 * @param {{ readonly signal: AbortSignal }} context
 * @returns {TrendsReport}
 */
export default function findTrends({ now, before }, { signal }) {
  const recent = messagesByWord(now, signal);
  const earlier = messagesByWord(before, signal);
  const rising = [];
  for (const [term, messages] of recent) {
    const was = earlier.get(term) ?? 0;
    const isMore = messages * Math.max(1, before.length) > was * now.length;
    if (messages < LEAST_MESSAGES || !isMore) continue;
    const score = surprise(messages, was, now.length, before.length);
    if (score >= SIGNIFICANT) rising.push({ term, messages, before: was, score });
  }
  rising.sort((a, b) => b.score - a.score || (a.term < b.term ? -1 : 1));
  return {
    messages: now.length,
    before: before.length,
    rising: rising
      .slice(0, MOST_TERMS)
      .map((found) => ({ ...found, score: Math.round(found.score * 10) / 10 })),
  };
}
