import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  acknowledge,
  INACTIVE,
  type RuleLogic,
  type SeriesEvent,
  type SeriesState,
  step,
} from '../src/reducer.js';

const rule: RuleLogic = {
  fires: (value) => value > 90,
  clears: (value) => value < 80,
  forMs: 60_000,
  cooldownMs: 300_000,
  noData: 'keep',
};

interface Moment {
  readonly value: number | null;
  readonly waitMs: number;
  readonly ack: boolean;
}

interface Logged {
  readonly now: number;
  readonly type: SeriesEvent['type'];
  readonly notify: boolean;
}

/** Plays moments through the reducer. A restart at every step shows that the state is all it needs. */
function play(moments: readonly Moment[], logic: RuleLogic = rule, restart = false) {
  let state: SeriesState = INACTIVE;
  let now = 1_000;
  const log: Logged[] = [];
  const samples: { now: number; value: number | null }[] = [];
  for (const { value, waitMs, ack } of moments) {
    now += waitMs;
    if (restart) state = JSON.parse(JSON.stringify(state)) as SeriesState;
    const at = now;
    const stepped = step(state, value, logic, now);
    const seen = ack ? acknowledge(stepped.state, { at: now, by: 'ann', note: null }) : stepped;
    const events = ack ? [...stepped.events, ...seen.events] : stepped.events;
    state = seen.state;
    samples.push({ now, value });
    log.push(...events.map(({ type, notify }) => ({ now: at, type, notify })));
  }
  return { state, log, samples };
}

const moment: fc.Arbitrary<Moment> = fc.record({
  value: fc.option(fc.integer({ min: 60, max: 110 }), { freq: 5 }),
  waitMs: fc.integer({ min: 1, max: 90_000 }),
  ack: fc.nat(9).map((chance) => chance === 0),
});
const moments = fc.array(moment, { minLength: 20, maxLength: 120, size: 'max' });
const logic = fc.record({
  fires: fc.constant(rule.fires),
  clears: fc.constant(rule.clears),
  forMs: fc.constantFrom(0, 30_000, 60_000),
  cooldownMs: fc.constantFrom(0, 60_000, 300_000),
  noData: fc.constantFrom('keep' as const, 'resolve' as const),
});
const starts = new Set(['fired', 'reopened']);
/** What can only happen to an open alert; everything else only where none is open. */
const NEEDS_OPEN = new Set(['resolved', 'acknowledged', 'announced']);

describe('invariants of step', () => {
  it('resolves only what fires, and has at most one open alert', () => {
    fc.assert(
      fc.property(moments, logic, (given, with_) => {
        let open = false;
        for (const { type } of play(given, with_).log) {
          expect([type, open]).toEqual([type, NEEDS_OPEN.has(type)]);
          open = (open || starts.has(type)) && type !== 'resolved';
        }
      }),
    );
  });

  it('fires only after the condition was true without a break for as long as asked', () => {
    fc.assert(
      fc.property(moments, logic, (given, with_) => {
        const { log, samples } = play(given, with_);
        for (const { now, type } of log) {
          if (!starts.has(type)) continue;
          const until = samples.filter((sample) => sample.now <= now);
          const broken = until.findLastIndex(({ value }) =>
            value === null ? with_.noData === 'resolve' : !with_.fires(value),
          );
          const since = until.slice(broken + 1).find(({ value }) => value !== null)?.now ?? now;
          expect(now - since).toBeGreaterThanOrEqual(with_.forMs);
        }
      }),
    );
  });

  it('never announces a series twice within its cooldown', () => {
    fc.assert(
      fc.property(moments, logic, (given, with_) => {
        const told = play(given, with_).log.filter(
          ({ type, notify }) => notify && type !== 'resolved',
        );
        for (const [index, { now }] of told.entries()) {
          const before = told[index - 1];
          if (before !== undefined) {
            expect(now - before.now).toBeGreaterThanOrEqual(with_.cooldownMs);
          }
        }
      }),
    );
  });

  it('tells of an end exactly where it told of a beginning', () => {
    fc.assert(
      fc.property(moments, logic, (given, with_) => {
        let told = false;
        for (const { type, notify } of play(given, with_).log) {
          if (type === 'resolved') expect(notify).toBe(told);
          if (type === 'resolved') told = false;
          else if (notify) {
            expect(told).toBe(false);
            told = true;
          }
        }
      }),
    );
  });

  it('does the same after a restart at any point', () => {
    fc.assert(
      fc.property(moments, logic, (given, with_) => {
        expect(play(given, with_, true)).toEqual(play(given, with_));
      }),
    );
  });

  it('changes nothing while there is nothing to read and the rule keeps', () => {
    fc.assert(
      fc.property(moments, fc.integer({ min: 0, max: 200_000 }), (given, laterMs) => {
        const { state } = play(given);
        const after = step(state, null, rule, 10_000_000_000 + laterMs);
        expect(after.state.phase).toBe(state.phase);
        expect(after.events.every(({ type }) => type === 'announced')).toBe(true);
      }),
    );
  });
});

describe('step', () => {
  const types = (values: (number | null)[], logicGiven: RuleLogic = rule) =>
    play(
      values.map((value) => ({ value, waitMs: 30_000, ack: false })),
      logicGiven,
    ).log.map(({ type }) => type);

  it('waits, fires, and resolves only below the clear threshold', () => {
    expect(types([95, 95, 95, 85, 80])).toEqual(['pending', 'fired']);
    expect(types([95, 95, 95, 85, 79])).toEqual(['pending', 'fired', 'resolved']);
  });

  it('lapses when the condition ends too soon', () => {
    expect(types([95, 95, 85, 95])).toEqual(['pending', 'lapsed', 'pending']);
  });

  it('does not start anew after a gap in the data', () => {
    expect(types([95, null, null, 95])).toEqual(['pending', 'fired']);
  });

  it('resolves without data when the rule says so', () => {
    expect(types([95, 95, 95, null], { ...rule, noData: 'resolve' })).toContain('resolved');
  });

  it('reopens silently within the cooldown, and announces it when the cooldown ends', () => {
    const quick = { ...rule, forMs: 0 };
    const values = [95, 70, ...Array.from({ length: 9 }, () => 95), 70];
    expect(types(values, quick)).toEqual([
      'fired',
      'resolved',
      'reopened',
      'announced',
      'resolved',
    ]);
  });

  it('does not announce what somebody has seen already', () => {
    const given = [95, 70, 95, 95].map((value, index) => ({
      value,
      waitMs: 30_000,
      ack: index === 2,
    }));
    const late = { value: 95, waitMs: 900_000, ack: false };
    const { log } = play([...given, late], { ...rule, forMs: 0 });
    expect(log.map(({ type }) => type)).toEqual(['fired', 'resolved', 'reopened', 'acknowledged']);
  });
});
