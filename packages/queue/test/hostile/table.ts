import { describe, expect, it } from 'vitest';
import type { QueueStore } from '../../src/index.js';
import { refusal } from './values.js';

/** A function of the library as untyped code calls it. */
export type Loose = (...args: unknown[]) => unknown;

/** A typed function or method without its types. */
export const loose = (f: unknown, self?: unknown): Loose => (f as Loose).bind(self);

/** An option: where it is, what it must refuse, and the call that takes it. */
export type Row = readonly [
  path: string,
  bad: readonly unknown[],
  call: (value: unknown) => unknown,
];

/** Rows of options by name, for a call that takes an object of them. */
export function options(
  call: (options: Record<string, unknown>) => unknown,
  bad: Readonly<Record<string, readonly unknown[]>>,
  prefix = 'options.',
): Row[] {
  return Object.entries(bad).map(([name, values]) => [
    `${prefix}${name}`,
    values,
    (value) => call({ [name]: value }),
  ]);
}

/** All that a store tells of. */
export async function everything(of: QueueStore): Promise<unknown> {
  const tasks = await of.find({}, { order: 'oldest', limit: 1_000 });
  const page = await of.events?.({ limit: 1_000, waitMs: 0 });
  return { tasks, stats: await of.stats(), schedules: await of.schedules?.({}), page };
}

/** A test for each row: every value is refused, by one of these codes, and the store stays what it was. */
export function refuses(
  name: string,
  rows: readonly Row[],
  codes: readonly string[],
  store: () => QueueStore,
): void {
  describe(name, () => {
    it.each(rows)('%s', async (path, bad, call) => {
      const before = await everything(store());
      const problems: string[] = [];
      for (const value of bad) {
        try {
          const { code } = await refusal(() => call(value), path);
          expect(codes).toContain(code);
        } catch (error) {
          problems.push(`${shortly(value)}: ${(error as Error).message.slice(0, 200)}`);
        }
      }
      expect(problems).toEqual([]);
      expect(await everything(store())).toEqual(before);
    });
  });
}

function shortly(value: unknown): string {
  try {
    return `${typeof value} ${String(value).slice(0, 30)}`;
  } catch {
    return typeof value;
  }
}
