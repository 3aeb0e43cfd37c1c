import { type Clock, systemClock } from './clock.js';

/** How long a reading is good for. */
const RESOLUTION_MS = 1;
/** Readings after which the clock is asked again although its timer did not run: the event loop may be held up. */
const MAX_READINGS = 64;

let time = 0;
let left = 0;
let armed = false;

/** The system's clock to the millisecond: asking it costs more than everything else that a hit does. */
function coarseNow(): number {
  if (left > 0) {
    left -= 1;
    return time;
  }
  time = systemClock.now();
  left = MAX_READINGS;
  if (!armed) {
    armed = true;
    setTimeout(expire, RESOLUTION_MS).unref();
  }
  return time;
}

function expire(): void {
  armed = false;
  left = 0;
}

/**
 * The time by which reads tell whether an entry is still alive. It lags by a millisecond at most; after one piece of
 * synchronous work that held up the event loop, by its length, for a few reads. A clock that is not the system's is
 * asked each time.
 */
export function readingClock(clock: Clock): () => number {
  return clock === systemClock ? coarseNow : () => clock.now();
}
