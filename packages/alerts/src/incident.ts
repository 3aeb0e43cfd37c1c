import type { Alert, AlertStatus, Transition } from './alert.js';
import type { CompiledRule } from './compiled-rule.js';
import type { SeriesEvent } from './reducer.js';
import type { Series } from './store.js';
import { uuidv7 } from './uuid.js';

const MAX_TRANSITIONS = 100;

/** What a transition is about, beside its event. */
export interface Occasion {
  readonly now: number;
  readonly value: number | null;
  readonly by?: string;
  readonly note?: string | null;
}

/** The alert of a series after an event; `null`: it was pending and never fired, so there is none. */
export function afterEvent(
  series: Series,
  event: SeriesEvent,
  occasion: Occasion,
  rule: CompiledRule | undefined,
): Alert | null {
  const at = new Date(occasion.now);
  const alert = series.alert ?? opened(series, rule, occasion);
  if (event.type === 'lapsed') {
    if (alert.firedAt === null) return null;
    const note = 'The condition ended before it fired again';
    const entry = transition('resolved', { ...occasion, note });
    return { ...alert, status: 'resolved', resolvedAt: at, transitions: added(alert, entry) };
  }
  const { by, note } = occasion;
  const seen = event.type === 'acknowledged' && by !== undefined;
  return {
    ...alert,
    ...statusOf(event.type),
    value: seen ? alert.value : occasion.value,
    annotations: seen ? alert.annotations : textsOf(alert, rule, occasion),
    firedAt:
      event.type === 'fired' || event.type === 'reopened' ? (alert.firedAt ?? at) : alert.firedAt,
    resolvedAt: event.type === 'resolved' ? at : null,
    acknowledged: acknowledgementOf(alert, event.type, occasion, at),
    transitions: added(alert, transition(event.type, { ...occasion, note: note ?? null })),
  };
}

function acknowledgementOf(
  alert: Alert,
  type: Transition['type'],
  { by, note }: Occasion,
  at: Date,
): Alert['acknowledged'] {
  if (type === 'acknowledged' && by !== undefined) return { at, by, note: note ?? null };
  // What fires anew has been seen by nobody; a resolved alert still says who had seen it.
  return type === 'fired' || type === 'reopened' || type === 'pending' ? null : alert.acknowledged;
}

function statusOf(type: Transition['type']): { status?: AlertStatus } {
  if (type === 'pending') return { status: 'pending' };
  if (type === 'resolved') return { status: 'resolved' };
  return { status: 'firing' };
}

function opened(series: Series, rule: CompiledRule | undefined, occasion: Occasion): Alert {
  return {
    id: uuidv7(occasion.now),
    rule: series.rule,
    fingerprint: series.fingerprint,
    severity: rule?.severity ?? 'INFO',
    labels: series.labels,
    annotations: {},
    status: 'pending',
    value: occasion.value,
    startedAt: new Date(occasion.now),
    firedAt: null,
    resolvedAt: null,
    acknowledged: null,
    transitions: [],
  };
}

function textsOf(
  alert: Alert,
  rule: CompiledRule | undefined,
  { value }: Occasion,
): Alert['annotations'] {
  return rule?.annotations(value, alert.labels) ?? alert.annotations;
}

function transition(type: Transition['type'], { now, value, by, note }: Occasion): Transition {
  return { at: new Date(now), type, value, by: by ?? null, note: note ?? null };
}

/** The trail with one more entry: the first stays, and of the rest the newest. */
function added({ transitions }: Alert, entry: Transition): readonly Transition[] {
  const all = [...transitions, entry];
  if (all.length <= MAX_TRANSITIONS) return all;
  return [...all.slice(0, 1), ...all.slice(1 - MAX_TRANSITIONS)];
}
