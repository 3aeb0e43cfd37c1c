/** Where the kinds of problems are described, one fragment for each code. */
export const PROBLEMS_PATH = '/docs/problems';

/** A kind of problem: what the `code` of a problem response stands for. */
export interface ProblemKind {
  readonly code: string;
  readonly status: number;
  readonly title: string;
  /** What the caller can do. */
  readonly advice: string;
}

const kind = (code: string, status: number, title: string, advice: string): ProblemKind => ({
  code,
  status,
  title,
  advice,
});

const RETRY = 'Try again after the time in Retry-After, with the same Idempotency-Key.';

/** Every kind of problem that the server answers with, as shown on the page of problems. */
export const PROBLEM_KINDS: readonly ProblemKind[] = [
  kind(
    'REQUEST_JSON_INVALID',
    400,
    'The body is not JSON',
    'Send one JSON value. The detail says where reading stopped.',
  ),
  kind('REQUEST_ENCODING_INVALID', 400, 'The body is not UTF-8', 'Encode the body as UTF-8.'),
  kind(
    'REQUEST_BODY_INCOMPLETE',
    400,
    'The body ended early',
    'Send as many bytes as Content-Length says.',
  ),
  kind(
    'UNAUTHENTICATED',
    401,
    'No valid API key was shown',
    'Send `Authorization: Bearer <key>` with one of the keys in API_KEYS.',
  ),
  kind('ROUTE_NOT_FOUND', 404, 'There is nothing at this path', 'See /docs for every path.'),
  kind(
    'METHOD_NOT_ALLOWED',
    405,
    'The path does not take this method',
    'Use a method named in the Allow header.',
  ),
  kind(
    'REQUEST_TOO_LARGE',
    413,
    'The body is too large',
    'Send fewer bytes; the detail names the limit.',
  ),
  kind(
    'MEDIA_TYPE_UNSUPPORTED',
    415,
    'The body has a content type that is not read',
    'Send `Content-Type: application/json`, in UTF-8 and not compressed.',
  ),
  kind(
    'REQUEST_INVALID',
    422,
    'The request breaks rules',
    'Correct the fields named in `errors`; nothing was stored.',
  ),
  kind(
    'MESSAGING_INPUT_INVALID',
    422,
    'The message breaks rules',
    'Correct the fields named in `errors`; nothing was stored.',
  ),
  kind(
    'MESSAGING_IDEMPOTENCY_KEY_INVALID',
    422,
    'The idempotency key was used for another request',
    'Use a new key for a new message. Nothing was stored.',
  ),
  kind(
    'MESSAGING_CURSOR_INVALID',
    422,
    'The cursor is not one of this list',
    'Give back `next_cursor` unchanged, or begin without a cursor.',
  ),
  kind(
    'MESSAGING_TEMPLATE_INVALID',
    422,
    'The template breaks rules',
    'Correct the template; nothing was changed.',
  ),
  kind(
    'MESSAGING_MESSAGE_NOT_FOUND',
    404,
    'There is no such message',
    'Check the id; it came with the 202 answer.',
  ),
  kind(
    'MESSAGING_DELIVERY_NOT_FOUND',
    404,
    'There is no such delivery',
    'Check the id; it is the webhook-id.',
  ),
  kind(
    'MESSAGING_DELIVERY_CONFLICT',
    409,
    'The delivery cannot be replayed now',
    'Wait until it is delivered or dead.',
  ),
  kind('MESSAGING_OVERLOADED_UNAVAILABLE', 503, 'Too many messages wait already', RETRY),
  kind('MESSAGING_CLOSED', 503, 'The server is shutting down', RETRY),
  kind(
    'QUEUE_TASK_NOT_FOUND',
    404,
    'There is no such task',
    'Check the id; finished tasks expire.',
  ),
  kind(
    'QUEUE_SCHEDULE_NOT_FOUND',
    404,
    'There is no such schedule',
    'See GET /v1/schedules for those there are.',
  ),
  kind(
    'QUEUE_TASK_CONFLICT',
    409,
    'The task is not in a state that allows it',
    'Read the task: the detail names its state.',
  ),
  kind(
    'CHECKPOINT_NOT_FOUND',
    404,
    'There is no such version',
    'See GET /v1/templates/checkpoints for the versions there are.',
  ),
  kind(
    'CHECKPOINT_VERSION_CONFLICT',
    409,
    'Somebody else changed the templates at the same time',
    'Read them again and repeat the change.',
  ),
  kind(
    'CHECKPOINT_DAMAGED',
    500,
    'The stored version is damaged',
    'Roll back to the version named in the detail.',
  ),
  kind('SERVICE_UNAVAILABLE', 503, 'The server cannot work now', RETRY),
  kind('SERVICE_TIMEOUT', 504, 'The server did not answer in time', RETRY),
  kind(
    'INTERNAL_ERROR',
    500,
    'The server failed',
    'Report the request_id: the log has a line with it that tells what happened.',
  ),
];

const BY_CODE = new Map(PROBLEM_KINDS.map((entry) => [entry.code, entry]));

/** The kind with this code. */
export function problemKind(code: string): ProblemKind {
  const found = BY_CODE.get(code);
  if (found === undefined) throw new RangeError(`No kind of problem has the code ${code}`);
  return found;
}

/** Whether responses carry this code as it is. */
export function isProblemCode(code: string): boolean {
  return BY_CODE.has(code);
}
