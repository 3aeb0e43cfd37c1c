import { describe, expect, it } from 'vitest';
import { Tokens } from '../../src/stores/redis/tokens.js';

describe('names of exchanges', () => {
  it('are forgotten with the worker whose exchanges were all answered', () => {
    const tokens = new Tokens('i');
    for (let n = 0; n < 1_000; n++) {
      const [first, second] = [tokens.begin(`w${n}`), tokens.begin(`w${n}`)];
      first.answer();
      first.end();
      second.answer();
      second.end();
    }
    expect(tokens.size).toBe(0);
  });

  it('are never given twice, and tell of the last answer where one was lost', () => {
    const tokens = new Tokens('i');
    const names = new Set<string>();
    const exchange = (isLost: boolean): string => {
      const ticket = tokens.begin('w');
      if (!isLost) ticket.answer();
      ticket.end();
      expect(names.has(ticket.token)).toBe(false);
      names.add(ticket.token);
      return ticket.answered;
    };
    expect(exchange(false)).toBe('');
    expect(exchange(true)).toBe('');
    // The claims of both that were lost are asked for, of a series in which none was answered.
    const asked = exchange(true);
    expect(asked).toMatch(/\.0$/);
    expect(exchange(false)).toBe(asked);
    expect(exchange(false)).toBe('');
    expect(tokens.size).toBe(0);
  });

  it('of another series are older', () => {
    const tokens = new Tokens('i');
    const first = tokens.begin('w');
    const second = tokens.begin('w');
    expect(second.isAfter(first.token)).toBe(true);
    expect(first.isAfter(second.token)).toBe(false);
    for (const ticket of [first, second]) {
      ticket.answer();
      ticket.end();
    }
    const third = tokens.begin('w');
    expect(third.isAfter(second.token)).toBe(true);
    expect(third.isAfter(third.token)).toBe(false);
  });
});
