import type { Kit, TestRunner } from './kit.js';

/** One property of a store. */
export interface Check {
  readonly title: string;
  readonly needs?: 'transactions';
  readonly run: <Tx>(kit: Kit<Tx>, expect: TestRunner['expect']) => Promise<void>;
}
