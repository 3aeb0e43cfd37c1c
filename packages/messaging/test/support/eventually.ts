import { expect } from 'vitest';

/** `expect.poll` with time enough for a busy machine. */
export const eventually = <T>(read: () => T): ReturnType<typeof expect.poll<T>> =>
  expect.poll(read, { timeout: 20_000, interval: 20 });
