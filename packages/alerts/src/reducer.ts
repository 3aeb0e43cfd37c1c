/** That somebody has seen an alert; times in milliseconds, as everywhere in the reducer. */
export interface Seen {
  readonly at: number;
  readonly by: string;
  readonly note: string | null;
}

/**
 * Where one series is. Plain data, so it can be stored and taken up again. `announcedAt` is when the notifiers were
 * last told that this series fires; it is what the cooldown counts from, over as many alerts as there are.
 */
export type SeriesState =
  | { readonly phase: 'inactive'; readonly announcedAt: number | null }
  | { readonly phase: 'pending'; readonly since: number; readonly announcedAt: number | null }
  | {
      readonly phase: 'firing';
      readonly since: number;
      readonly announcedAt: number | null;
      /** Whether the notifiers know that it is firing now. */
      readonly announced: boolean;
      readonly seen: Seen | null;
    };

/** What a step did. `notify`: the notifiers are to be told. */
export type SeriesEvent =
  | { readonly type: 'pending'; readonly notify: false }
  /** The condition ended before `for` was over. */
  | { readonly type: 'lapsed'; readonly notify: false }
  | { readonly type: 'fired'; readonly notify: true }
  | { readonly type: 'reopened'; readonly notify: false }
  | { readonly type: 'announced'; readonly notify: true }
  | { readonly type: 'acknowledged'; readonly notify: false }
  | { readonly type: 'resolved'; readonly notify: boolean };

/** A state and how it came about. */
export interface Step {
  readonly state: SeriesState;
  readonly events: readonly SeriesEvent[];
}

/** What the reducer knows of a rule. */
export interface RuleLogic {
  fires(value: number): boolean;
  clears(value: number): boolean;
  readonly forMs: number;
  readonly cooldownMs: number;
  readonly noData: 'keep' | 'resolve';
}

/** A series that nothing is known of. */
export const INACTIVE: SeriesState = { phase: 'inactive', announcedAt: null };

/**
 * One evaluation of one series: pure, so that every order of events can be tried.
 *
 * @param value what was read; `null`: nothing
 * @param now milliseconds; must not go back for `for` and `cooldown` to be exact
 */
export function step(state: SeriesState, value: number | null, rule: RuleLogic, now: number): Step {
  if (value === null && rule.noData === 'keep') return announceLate(state, rule, now);
  const fires = value !== null && rule.fires(value);
  const clears = value === null || rule.clears(value);
  switch (state.phase) {
    case 'inactive':
      return fires ? begin(state.announcedAt, rule, now) : { state, events: [] };
    case 'pending':
      if (!fires) {
        const { announcedAt } = state;
        return ended(announcedAt, { type: 'lapsed', notify: false });
      }
      return now - state.since >= rule.forMs
        ? fire(state.since, state.announcedAt, rule, now)
        : { state, events: [] };
    case 'firing':
      return clears ? resolve(state) : announceLate(state, rule, now);
  }
}

/** Notes that somebody has seen a firing alert. Any other state stays as it is, without an event. */
export function acknowledge(state: SeriesState, seen: Seen): Step {
  if (state.phase !== 'firing') return { state, events: [] };
  return { state: { ...state, seen }, events: [{ type: 'acknowledged', notify: false }] };
}

/** Ends whatever is open, as when its rule is gone. */
export function end(state: SeriesState): Step {
  if (state.phase === 'firing') return resolve(state);
  if (state.phase === 'inactive') return { state, events: [] };
  return ended(state.announcedAt, { type: 'lapsed', notify: false });
}

/** Whether a series need not be remembered any more. */
export function isForgettable(state: SeriesState, cooldownMs: number, now: number): boolean {
  const { phase, announcedAt } = state;
  return phase === 'inactive' && (announcedAt === null || now - announcedAt >= cooldownMs);
}

function begin(announcedAt: number | null, rule: RuleLogic, now: number): Step {
  if (rule.forMs === 0) return fire(now, announcedAt, rule, now);
  return {
    state: { phase: 'pending', since: now, announcedAt },
    events: [{ type: 'pending', notify: false }],
  };
}

function fire(since: number, announcedAt: number | null, rule: RuleLogic, now: number): Step {
  const cooling = announcedAt !== null && now - announcedAt < rule.cooldownMs;
  const state = { phase: 'firing', since, seen: null } as const;
  if (cooling) {
    const silent = { ...state, announcedAt, announced: false };
    return { state: silent, events: [{ type: 'reopened', notify: false }] };
  }
  const told = { ...state, announcedAt: now, announced: true };
  return { state: told, events: [{ type: 'fired', notify: true }] };
}

/** An alert that was reopened silently is announced once the cooldown is over; what somebody has seen is not. */
function announceLate(state: SeriesState, rule: RuleLogic, now: number): Step {
  const due =
    state.phase === 'firing' &&
    !state.announced &&
    state.seen === null &&
    now - (state.announcedAt ?? 0) >= rule.cooldownMs;
  if (!due) return { state, events: [] };
  return {
    state: { ...state, announced: true, announcedAt: now },
    events: [{ type: 'announced', notify: true }],
  };
}

/** Whoever was told that it fires is told that it ended, and nobody else. */
function resolve(state: SeriesState & { phase: 'firing' }): Step {
  return ended(state.announcedAt, { type: 'resolved', notify: state.announced });
}

function ended(announcedAt: number | null, event: SeriesEvent): Step {
  return { state: { phase: 'inactive', announcedAt }, events: [event] };
}
