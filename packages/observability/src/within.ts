import { type Clock, systemClock } from './clock.js';

/** How waiting for some work ended. */
export type Outcome = 'done' | 'failed' | 'timeout';

/** Waits for `work`, at most `ms`. What becomes of it later is nobody's business: it can't raise an unhandled rejection. */
export function within(
  ms: number,
  work: Promise<unknown>,
  onError: (error: unknown) => void = () => {},
  clock: Clock = systemClock,
): Promise<Outcome> {
  return new Promise((resolve) => {
    const timer = clock.setTimeout(() => resolve('timeout'), ms);
    work.then(
      () => {
        timer.clear();
        resolve('done');
      },
      (error: unknown) => {
        timer.clear();
        onError(error);
        resolve('failed');
      },
    );
  });
}
