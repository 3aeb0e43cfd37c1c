import { SqlError } from './errors.js';

/** The error of whatever a close ended by force. */
export function closedError(): SqlError {
  return new SqlError('SQL_CLOSED', 'The database was closed before this ended');
}

/** Settles as `work` does, or rejects with `SQL_CLOSED` as soon as the signal aborts. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    work.catch(() => {});
    throw closedError();
  }
  let onAbort: () => void = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(closedError());
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
