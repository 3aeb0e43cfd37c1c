import type { Server } from 'node:http';

/** What a part is told when it has to close. */
export interface CloseOptions {
  /** Milliseconds it has. */
  readonly deadline: number;
}

/** A part with `close`, of which a report with `drained: false` says that work was left. */
export interface ClosablePart {
  /** Closes it. */
  close(options: CloseOptions): unknown;
}

/** What can be stopped: anything with `close`, a server of `node:http`, or a function. */
export type Closable =
  | ClosablePart
  | Pick<Server, 'close' | 'closeIdleConnections' | 'closeAllConnections'>
  | ((options: CloseOptions) => unknown);

/** Closes a part; resolves to whether it says that nothing was left. */
export type ClosePart = (budgetMs: number) => Promise<boolean>;

/** The one way to close a part, whatever it is. */
export function closerOf(part: Closable): ClosePart {
  if (typeof part === 'function') return async (ms) => isDrained(await part({ deadline: ms }));
  if ('closeIdleConnections' in part) return (ms) => closeServer(part, ms);
  return async (ms) => isDrained(await part.close({ deadline: ms }));
}

/** Close reports say `drained`; whoever says nothing has nothing left. */
function isDrained(report: unknown): boolean {
  return !(
    typeof report === 'object' &&
    report !== null &&
    'drained' in report &&
    report.drained === false
  );
}

/** Requests in hand are answered; connections that wait for a next request are ended, or the server would never close. */
function closeServer(
  server: Pick<Server, 'close' | 'closeIdleConnections' | 'closeAllConnections'>,
  budgetMs: number,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let clean = true;
    const sweep = setInterval(() => server.closeIdleConnections(), 100);
    // a little before the time is up, so that what depends on the server still sees it closed
    const cut = setTimeout(() => {
      clean = false;
      server.closeAllConnections();
    }, budgetMs * 0.9);
    server.close((error) => {
      clearInterval(sweep);
      clearTimeout(cut);
      if (error === undefined || ('code' in error && error.code === 'ERR_SERVER_NOT_RUNNING')) {
        resolve(clean);
      } else reject(error);
    });
    server.closeIdleConnections();
  });
}
