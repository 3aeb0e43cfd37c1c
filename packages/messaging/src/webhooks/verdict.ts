/** What an attempt met. */
export interface AttemptResult {
  /** `null` when no answer came. */
  readonly httpStatus: number | null;
  /** The error's code when no answer came. */
  readonly errorCode: string | null;
  readonly error: string | null;
  /** The `retry-after` header. */
  readonly retryAfter: string | undefined;
  /** The receiver said `webhook-delivery: abort-message`. */
  readonly abort: boolean;
}

/** What follows from it. */
export interface Verdict {
  readonly success: boolean;
  readonly retryable: boolean;
  /** Most tries when it is retryable; otherwise the schedule's. */
  readonly maxTries: number | null;
}

const DELIVERED: Verdict = { success: true, retryable: false, maxTries: null };
const PERMANENT: Verdict = { success: false, retryable: false, maxTries: null };
const RETRYABLE: Verdict = { success: false, retryable: true, maxTries: null };
/** Statuses that a deployment or a rotated secret causes for a while. */
const BRIEFLY: Verdict = { success: false, retryable: true, maxTries: 4 };

const BRIEF_STATUSES: ReadonlySet<number> = new Set([401, 403, 404]);
const RETRYABLE_STATUSES: ReadonlySet<number> = new Set([408, 409, 421, 425, 429]);
const PERMANENT_SERVER_STATUSES: ReadonlySet<number> = new Set([501, 505]);
const PERMANENT_ERRORS: ReadonlySet<string> = new Set(['SSRF_BLOCKED', 'ERR_INVALID_URL']);
const CERTIFICATE_ERROR = /^(?:CERT_|ERR_TLS_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/;

function judgeError(code: string): Verdict {
  if (PERMANENT_ERRORS.has(code)) return PERMANENT;
  return CERTIFICATE_ERROR.test(code) ? BRIEFLY : RETRYABLE;
}

function judgeStatus(status: number): Verdict {
  if (status >= 200 && status < 300) return DELIVERED;
  if (BRIEF_STATUSES.has(status)) return BRIEFLY;
  if (RETRYABLE_STATUSES.has(status)) return RETRYABLE;
  if (status >= 500) return PERMANENT_SERVER_STATUSES.has(status) ? PERMANENT : RETRYABLE;
  return PERMANENT; // 3xx is never followed; 410 and the other 4xx will not change
}

/** Delivered, worth another try, or never to be tried again. */
export function judgeAttempt(result: AttemptResult): Verdict {
  if (result.httpStatus === null) return judgeError(result.errorCode ?? 'UNKNOWN');
  const verdict = judgeStatus(result.httpStatus);
  return result.abort && verdict.retryable ? PERMANENT : verdict;
}
