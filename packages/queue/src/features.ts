import { QueueError } from './errors.js';
import type { NewTask, StoreFeature, StoreTraits } from './store.js';

interface Featured {
  readonly name: string;
  readonly traits: StoreTraits;
}

/** Whether a store has a feature. */
export function hasFeature({ traits }: Featured, feature: StoreFeature): boolean {
  return traits.features?.includes(feature) === true;
}

/** @throws QueueError `QUEUE_UNSUPPORTED` when the store does not have the feature */
export function requireFeature(store: Featured, feature: StoreFeature, what: string): void {
  if (hasFeature(store, feature)) return;
  const text = `${what} needs a store with the feature '${feature}', which the ${store.name} store does not have`;
  throw new QueueError('QUEUE_UNSUPPORTED', text, { details: { feature, store: store.name } });
}

/** Refuses tasks that ask for what the store does not have: it would ignore it in silence. */
export function requireFor(store: Featured, { key, group, waitFor }: NewTask): void {
  if (group !== undefined) requireFeature(store, 'groups', 'A group');
  if (waitFor !== undefined) requireFeature(store, 'flows', 'Waiting for other tasks');
  if (key === undefined) return;
  const { mode, freeOnFailure, freeOnStart } = key;
  if (mode !== undefined || freeOnFailure !== undefined || freeOnStart !== undefined) {
    requireFeature(store, 'dedup', 'A key that replaces, merges or is freed early');
  }
}
