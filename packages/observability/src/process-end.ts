/** What wants to know that the process ends. */
interface EndListener {
  flush(): void;
  crashed(error: unknown, origin: string): void;
}

const listeners = new Set<EndListener>();
let installed = false;

/**
 * Calls `flush` when the process exits, and before that `crashed` when it dies of an uncaught exception. One pair of
 * process listeners serves every logger, so that many loggers (in tests) raise no listener warning.
 * Returns what forgets the listener.
 */
export function flushAtEnd(listener: EndListener): () => void {
  if (!installed) {
    installed = true;
    process.on('exit', flushAll);
    // a monitor sees the error and leaves alone what happens next
    process.on('uncaughtExceptionMonitor', (error, origin) => {
      for (const each of listeners) each.crashed(error, origin);
      flushAll();
    });
  }
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

function flushAll(): void {
  for (const each of listeners) each.flush();
}
