import type { StoreFeature } from '../store.js';
import type { Kit, TestRunner } from './kit.js';

/** What some properties need: transactions (`traits.transactional`), or a feature. */
export type Need = 'transactions' | StoreFeature;

/** One property of a store. */
export interface Check {
  readonly title: string;
  readonly needs?: Need;
  readonly run: <Tx>(kit: Kit<Tx>, expect: TestRunner['expect']) => Promise<void>;
}
