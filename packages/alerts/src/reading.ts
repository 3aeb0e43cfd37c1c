import type { Labels } from './alert.js';
import type { Clock } from './clock.js';
import type { CompiledRule } from './compiled-rule.js';
import { AlertError } from './errors.js';
import type { Reading, Sample } from './rule.js';

/** What came of reading a rule's value. */
export type ReadOutcome =
  | { readonly ok: true; readonly samples: readonly Sample[] }
  | { readonly ok: false; readonly error: unknown };

/** Reads a rule's value within a time limit. Never rejects. */
export async function readSamples(
  rule: CompiledRule,
  clock: Clock,
  timeoutMs: number,
): Promise<ReadOutcome> {
  const controller = new AbortController();
  const timedOut = new AlertError(
    'ALERT_SOURCE_TIMEOUT',
    `Rule "${rule.id}" was not read within ${timeoutMs} ms`,
    { details: { rule: rule.id, timeoutMs } },
  );
  let stop: () => void = () => {};
  try {
    const limit = new Promise<never>((_, reject) => {
      const timer = clock.setTimeout(() => {
        controller.abort(timedOut);
        reject(timedOut);
      }, timeoutMs);
      timer.unref();
      stop = () => timer.clear();
    });
    const read = async () => rule.read({ signal: controller.signal });
    return { ok: true, samples: samplesOf(await Promise.race([read(), limit])) };
  } catch (error) {
    return { ok: false, error };
  } finally {
    stop();
  }
}

/** Samples of a reading; NaN is nothing read. What is no reading at all is an error, not silence. */
function samplesOf(reading: Reading): readonly Sample[] {
  if (reading === null || reading === undefined) return [];
  const samples = typeof reading === 'number' ? [{ value: reading }] : reading;
  if (!Array.isArray(samples) || !samples.every(isSample)) {
    throw new TypeError('A reading must be a number, null, or a list of { value, labels }');
  }
  return samples.filter(({ value }) => !Number.isNaN(value));
}

function isSample(sample: unknown): sample is Sample {
  if (typeof sample !== 'object' || sample === null) return false;
  const { value, labels = {} } = sample as { value?: unknown; labels?: unknown };
  return typeof value === 'number' && isLabels(labels);
}

function isLabels(labels: unknown): labels is Labels {
  if (typeof labels !== 'object' || labels === null) return false;
  return Object.values(labels).every((value) => typeof value === 'string');
}
