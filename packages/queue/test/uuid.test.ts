import { expect, it } from 'vitest';
import { uuidv7 } from '../src/uuid.js';

it('ids are UUIDs of version 7 that carry their time, differ, and sort in the order they were made', () => {
  const times = [0, 1_700_000_000_000, 2 ** 48 - 10_000];
  let last = '';
  const made = new Set<string>();
  for (const at of [...times, times[1] as number]) {
    for (let i = 0; i < 10_000; i++) {
      const id = uuidv7(at);
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(id > last).toBe(true);
      last = id;
      made.add(id);
    }
  }
  expect(made.size).toBe(40_000);
  const at = 2 ** 48 - 5_000;
  expect(Number.parseInt(uuidv7(at).replaceAll('-', '').slice(0, 12), 16)).toBe(at);
});
