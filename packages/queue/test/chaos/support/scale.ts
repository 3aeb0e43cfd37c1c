/** Whether this is the long run (`npm run test:soak`). */
export const isSoak: boolean = process.env.HOLDFAST_SOAK === '1';

/** A number for the short run, and one for the long one. */
export const scaled = (short: number, long: number): number => (isSoak ? long : short);

/** Prints what a long run came to. */
export function summary(title: string, figures: Readonly<Record<string, unknown>>): void {
  if (!isSoak) return;
  const parts = Object.entries(figures).map(([name, value]) => `${name} ${value}`);
  process.stdout.write(`\n[soak] ${title}: ${parts.join(', ')}\n`);
}

export const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until something holds; what it throws meanwhile counts as "not yet". */
export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
  patienceMs = 15_000,
): Promise<void> {
  const end = Date.now() + patienceMs;
  let error: unknown;
  while (true) {
    try {
      if (await holds()) return;
    } catch (thrown) {
      error = thrown;
    }
    if (Date.now() > end) throw new Error(`it never came to hold: ${what}`, { cause: error });
    await pause(25);
  }
}

const TICK_MS = 100;

/**
 * By how many milliseconds a timer of this process, which has little to do, comes late at most until it is ended: what the
 * machine itself is late by, with more to do than it has processors for.
 */
export function watchLateness(): { end(): number } {
  let [last, most] = [performance.now(), 0];
  const timer = setInterval(() => {
    const now = performance.now();
    most = Math.max(most, now - last - TICK_MS);
    last = now;
  }, TICK_MS);
  return {
    end: () => {
      clearInterval(timer);
      return Math.round(most);
    },
  };
}
