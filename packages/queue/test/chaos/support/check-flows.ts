import type { StoredEvent } from '../../../src/index.js';
import { isOver, type Records } from './check-order.js';
import type { Crew } from './crew.js';
import type { History } from './history.js';
import { GATHER, PARENT, TICK } from './rules.js';

/** A parent as the events of its children tell it. */
interface Family {
  readonly id: string;
  readonly name: string;
  readonly children: readonly string[];
  /** Children that it waits for. */
  pending: Set<string>;
  /** Whether a child failed since the parent was made or redriven. */
  isSpoilt: boolean;
}

/** Follows parents and children through the events. */
class Families {
  readonly found: string[] = [];
  readonly #byParent = new Map<string, Family>();
  readonly #byChild = new Map<string, Family[]>();
  readonly #over = new Set<string>();

  constructor(records: Records) {
    for (const { id, name, children = [] } of records.values()) {
      // Of a child that was removed nothing is known.
      const known = children.filter((child) => records.has(child));
      const family = { id, name, children: known, pending: new Set(known), isSpoilt: false };
      if (children.length > 0) this.#byParent.set(id, family);
      for (const child of known)
        this.#byChild.set(child, [...(this.#byChild.get(child) ?? []), family]);
    }
  }

  take(event: StoredEvent): void {
    const { type, subject } = event;
    if (isOver(event)) this.#end(event);
    if (type === 'task.redriven') this.#revive(subject);
    const family = this.#byParent.get(subject);
    if (family === undefined || type !== 'task.started') return;
    const { name, pending, isSpoilt } = family;
    if (pending.size > 0) this.found.push(`${name} ${subject} did not wait for ${[...pending]}`);
    if (isSpoilt && name === PARENT)
      this.found.push(`${name} ${subject} ran though a child failed`);
  }

  #end({ type, subject }: StoredEvent): void {
    this.#over.add(subject);
    for (const family of this.#byChild.get(subject) ?? []) {
      if (family.pending.delete(subject) && type !== 'task.completed') family.isSpoilt = true;
    }
  }

  #revive(id: string): void {
    this.#over.delete(id);
    // Whoever waits still, waits for it again.
    for (const family of this.#byChild.get(id) ?? []) {
      if (family.pending.size > 0 && !this.#over.has(family.id)) family.pending.add(id);
    }
    const family = this.#byParent.get(id);
    if (family === undefined) return;
    family.isSpoilt = false;
    family.pending = new Set(family.children.filter((child) => !this.#over.has(child)));
  }
}

/** Parents that began before their children were over, or though one of them had failed. */
export function impatience(history: History, records: Records): string[] {
  const families = new Families(records);
  for (const event of history.events) families.take(event);
  return families.found;
}

/** Runs of schedules that came twice. */
export function repeatedRuns(records: Records): string[] {
  const seen = new Set<string>();
  const found: string[] = [];
  for (const { name, headers } of records.values()) {
    if (name !== TICK) continue;
    const run = `${headers['schedule-id']} ${headers['schedule-at']}`;
    if (seen.has(run)) found.push(`the run ${run} came twice`);
    seen.add(run);
  }
  return found;
}

/** Tokens that were gathered twice, and such as were acknowledged and are nowhere. */
export function lostTokens(records: Records, crew: Crew): string[] {
  const gathered = [...records.values()].flatMap(({ name, payload }) =>
    name === GATHER ? (JSON.parse(payload) as string[]) : [],
  );
  const counts = new Map<string, number>();
  for (const token of gathered) counts.set(token, (counts.get(token) ?? 0) + 1);
  const found = [...counts].flatMap(([token, count]) =>
    count > 1 ? [`${token} was gathered ${count} times`] : [],
  );
  for (const [token, outcome] of crew.members.flatMap(({ log }) => [...log.tokens])) {
    const isKept = counts.has(token);
    if (isKept !== (outcome !== 'duplicate'))
      found.push(`${token} was ${outcome}, and ${isKept ? 'is' : 'is not'} there`);
  }
  return found;
}
