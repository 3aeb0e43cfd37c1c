import type { Duration } from '../duration.js';

/** Waits before the second to tenth attempt. Source: Standard Webhooks, "Deliverability and reliability". */
export const defaultRetrySchedule: readonly Duration[] = [
  '5s',
  '5m',
  '30m',
  '2h',
  '5h',
  '10h',
  '14h',
  '20h',
  '24h',
];

/** What decides the wait before the next attempt. */
export interface RetryRules {
  readonly scheduleMs: readonly number[];
  readonly floorMs: number;
  readonly maxRetryAfterMs: number;
  readonly random: () => number;
}

/** Jitter above `Retry-After`, as a share of it: those who were told the same time do not come back at once. */
const RETRY_AFTER_JITTER = 0.1;

/**
 * Milliseconds until the attempt after `tryNumber` (from 1); `null` when that was the last. Full jitter between the
 * floor and the step (AWS Architecture Blog, "Exponential Backoff and Jitter"), never sooner than the receiver asked.
 */
export function nextDelayMs(
  tryNumber: number,
  retryAfterMs: number | null,
  rules: RetryRules,
): number | null {
  const step = rules.scheduleMs[tryNumber - 1];
  if (step === undefined) return null;
  const drawn = rules.floorMs + rules.random() * Math.max(0, step - rules.floorMs);
  if (retryAfterMs === null) return Math.round(drawn);
  const asked = Math.min(retryAfterMs, rules.maxRetryAfterMs);
  return Math.round(Math.max(drawn, asked + rules.random() * asked * RETRY_AFTER_JITTER));
}

/** Milliseconds that a `Retry-After` header asks for (RFC 9110, section 10.2.3); `null` when it says nothing usable. */
export function retryAfterMs(header: string | undefined, nowMs: number): number | null {
  if (header === undefined) return null;
  const text = header.trim();
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  if (!/^[A-Z][a-z]{2},? /.test(text)) return null;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs);
}
