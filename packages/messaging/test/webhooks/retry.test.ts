import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { durationMs } from '../../src/duration.js';
import {
  defaultRetrySchedule,
  nextDelayMs,
  retryAfterMs,
} from '../../src/webhooks/retry-schedule.js';
import { judgeAttempt } from '../../src/webhooks/verdict.js';

const result = (fields: { status?: number; code?: string; abort?: boolean }) => ({
  httpStatus: fields.status ?? null,
  errorCode: fields.code ?? null,
  error: null,
  retryAfter: undefined,
  abort: fields.abort ?? false,
});

describe('what an answer means', () => {
  it.each([200, 201, 202, 204, 299])('%i: delivered', (status) => {
    expect(judgeAttempt(result({ status }))).toMatchObject({ success: true, retryable: false });
  });
  it.each([408, 409, 421, 425, 429, 500, 502, 503, 504, 507, 599])('%i: tried again', (status) => {
    expect(judgeAttempt(result({ status }))).toEqual({
      success: false,
      retryable: true,
      maxTries: null,
    });
  });
  it.each([401, 403, 404])('%i: tried again a few times', (status) => {
    expect(judgeAttempt(result({ status }))).toEqual({
      success: false,
      retryable: true,
      maxTries: 4,
    });
  });
  it.each([301, 302, 304, 307, 308, 400, 402, 405, 406, 410, 413, 415, 418, 422, 451, 501, 505])(
    '%i: dead',
    (status) => {
      expect(judgeAttempt(result({ status }))).toMatchObject({ success: false, retryable: false });
    },
  );
  it.each([
    'TIMEOUT',
    'ECONNREFUSED',
    'ECONNRESET',
    'EPIPE',
    'ENOTFOUND',
    'EAI_AGAIN',
    'UND_ERR_SOCKET',
    'UNKNOWN',
  ])('%s: tried again', (code) => {
    expect(judgeAttempt(result({ code }))).toEqual({
      success: false,
      retryable: true,
      maxTries: null,
    });
  });
  it.each(['CERT_HAS_EXPIRED', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'ERR_TLS_CERT_ALTNAME_INVALID'])(
    '%s: tried again a few times',
    (code) => {
      expect(judgeAttempt(result({ code }))).toMatchObject({ retryable: true, maxTries: 4 });
    },
  );
  it('SSRF_BLOCKED: dead', () => {
    expect(judgeAttempt(result({ code: 'SSRF_BLOCKED' }))).toMatchObject({
      success: false,
      retryable: false,
    });
  });
  it('a receiver that says abort is not asked again', () => {
    expect(judgeAttempt(result({ status: 503, abort: true }))).toMatchObject({ retryable: false });
    expect(judgeAttempt(result({ status: 200, abort: true }))).toMatchObject({ success: true });
  });
});

describe('when to try again', () => {
  const scheduleMs = defaultRetrySchedule.map(durationMs);
  const rules = { scheduleMs, floorMs: 1_000, maxRetryAfterMs: 86_400_000 };

  it('is ten attempts within 75 hours and 35 minutes and 5 seconds', () => {
    expect(scheduleMs.length + 1).toBe(10);
    expect(scheduleMs.reduce((sum, step) => sum + step, 0)).toBe((75 * 3600 + 35 * 60 + 5) * 1_000);
  });

  it('lies between the floor and the step, and comes to an end', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.double({ min: 0, max: 0.999999, noNaN: true }),
        (tryNumber, drawn) => {
          const delay = nextDelayMs(tryNumber, null, { ...rules, random: () => drawn });
          const step = scheduleMs[tryNumber - 1];
          if (step === undefined) expect(delay).toBe(null);
          else {
            expect(delay).toBeGreaterThanOrEqual(1_000);
            expect(delay).toBeLessThanOrEqual(step);
          }
        },
      ),
    );
  });

  it('is never sooner than the receiver asked, up to the cap', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 200_000_000 }),
        fc.double({ min: 0, max: 0.999999, noNaN: true }),
        (asked, drawn) => {
          const delay = nextDelayMs(1, asked, { ...rules, random: () => drawn });
          expect(delay).toBeGreaterThanOrEqual(Math.min(asked, 86_400_000));
          expect(delay).toBeLessThanOrEqual(Math.max(5_000, 86_400_000 * 1.1));
        },
      ),
    );
  });

  it.each([
    ['120', 120_000],
    [' 3 ', 3_000],
    ['Sat, 21 Nov 2026 12:01:00 GMT', 60_000],
    ['Sat, 21 Nov 2026 11:00:00 GMT', 0],
    ['soon', null],
    ['-5', null],
    ['1e9', null],
    ['', null],
  ])('reads Retry-After %j', (header, expected) => {
    expect(retryAfterMs(header, Date.UTC(2026, 10, 21, 12))).toBe(expected);
  });
});
