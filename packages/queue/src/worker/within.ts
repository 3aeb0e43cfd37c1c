import type { Clock } from '../clock.js';

/** What a promise gives, or an error when that takes longer than `ms`. */
export async function within<T>(clock: Clock, ms: number, promise: Promise<T>): Promise<T> {
  let end: () => void = () => undefined;
  const late = new Promise<never>((_, reject) => {
    const timer = clock.setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
    timer.unref();
    end = () => timer.clear();
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    end();
  }
}
