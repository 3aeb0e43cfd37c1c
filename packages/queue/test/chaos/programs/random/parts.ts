import type { Queue, QueueStore, TaskDefinition } from '../../../../src/index.js';
import type { Address } from '../../support/address.js';

/** What the program is told. */
export interface RandomOptions {
  readonly address: Address;
  readonly number: number;
  /** Milliseconds. */
  readonly lease: number;
  /** Whether its connections are cut and frozen now and then. @defaultValue false */
  readonly faulty?: boolean;
}

/** What a process works with. */
export interface Kit {
  readonly number: number;
  readonly store: QueueStore<never>;
  readonly main: Queue;
  readonly rated: Queue;
  readonly task: (name: string) => TaskDefinition<unknown, unknown, unknown, unknown>;
}

export const say = (...words: unknown[]): void => void process.stdout.write(`${words.join(' ')}\n`);
export const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));
export const upTo = (count: number): number => Math.floor(Math.random() * count);
export const any = <T>(items: readonly T[]): T => items[upTo(items.length)] as T;
