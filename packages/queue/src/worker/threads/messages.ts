/** What a job in a thread is told of its task: {@link TaskContext} without what cannot cross threads. */
export interface ThreadTask {
  readonly id: string;
  readonly queue: string;
  readonly name: string;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly epoch: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly enqueuedAt: Date;
}

/** To a thread. */
export type ToThread =
  | { readonly kind: 'run'; readonly payload: unknown; readonly task: ThreadTask }
  | { readonly kind: 'abort'; readonly code: string; readonly message: string };

/** An error on its way out of a thread. */
export interface SentError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  readonly code?: string;
  /** Of a `RetryAt`. */
  readonly when?: Date | number | string;
}

/** From a thread. */
export type FromThread =
  | { readonly kind: 'resolved'; readonly value: unknown }
  | { readonly kind: 'rejected'; readonly error: SentError }
  /** Something that is no Error was thrown: its text, or itself where it is a text or a number. */
  | { readonly kind: 'thrown'; readonly value: unknown };

/** The error as it was in the thread, by its name and fields; its class stays there. */
export function receivedError({ name, message, stack, code, when }: SentError): Error {
  const error = new Error(message);
  error.name = name;
  if (stack !== undefined) error.stack = stack;
  return Object.assign(
    error,
    code === undefined ? {} : { code },
    when === undefined ? {} : { when },
  );
}
