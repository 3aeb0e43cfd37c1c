import { describe, expect, it } from 'vitest';
import findTrends from '../src/operations/find-trends.js';

const signal = new AbortController().signal;
const repeat = (count: number, text: string) => Array.from({ length: count }, () => text);
const terms = (now: readonly string[], before: readonly string[]) =>
  findTrends({ now, before }, { signal }).rising.map(({ term }) => term);

describe('the report of trends', () => {
  it('names the words that more messages have than before, the most surprising first', () => {
    const now = [
      ...repeat(30, 'login fails'),
      ...repeat(10, 'router fails'),
      ...repeat(60, 'card'),
    ];
    const before = [...repeat(1, 'login'), ...repeat(2, 'router'), ...repeat(97, 'card')];
    const report = findTrends({ now, before }, { signal });
    expect(report).toMatchObject({ messages: 100, before: 100 });
    expect(report.rising[0]).toMatchObject({ term: 'fails', messages: 40, before: 0 });
    expect(report.rising.map(({ term }) => term)).toEqual(['fails', 'login']);
  });

  it('counts messages, not repetitions, in any script, and leaves chance out', () => {
    const before = repeat(100, 'карта не работает');
    expect(terms(['сбой сбой сбой сбой', ...before], before)).toEqual([]);
    expect(terms([...repeat(20, 'сбой 支払い Störung'), ...before], before)).toEqual(
      expect.arrayContaining(['сбой', 'störung']),
    );
  });

  it('weighs shares: twice the messages with twice the words is no trend', () => {
    expect(terms(repeat(200, 'card declined'), repeat(100, 'card declined'))).toEqual([]);
  });

  it('says nothing without anything to compare with', () => {
    expect(findTrends({ now: repeat(50, 'hello'), before: [] }, { signal }).rising).toEqual([]);
    expect(findTrends({ now: [], before: [] }, { signal })).toEqual({
      messages: 0,
      before: 0,
      rising: [],
    });
  });

  it('ends when it is told to', () => {
    const aborted = AbortSignal.abort(new Error('stop'));
    const run = () => findTrends({ now: ['a word'], before: [] }, { signal: aborted });
    expect(run).toThrow('stop');
  });
});
