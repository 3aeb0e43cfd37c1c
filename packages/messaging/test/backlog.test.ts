import { beforeEach, expect, it } from 'vitest';
import { BacklogEstimate } from '../src/backlog.js';
import { memoryStore } from '../src/index.js';
import type { MessagingStore } from '../src/store.js';
import { emptyStats, type MessagingStats } from '../src/telemetry.js';
import { newMessage, processed, RULES } from '../src/testing/fixtures.js';

let now = 1_000_000;
let store: MessagingStore;
let stats: MessagingStats;
let estimate: BacklogEstimate;

beforeEach(() => {
  now = 1_000_000;
  store = memoryStore();
  stats = emptyStats();
  const clock = { now: () => now, setTimeout: () => ({ unref() {}, clear() {} }) };
  estimate = new BacklogEstimate({ store, clock, max: 100, stats });
});

const look = async (): Promise<number> => {
  estimate.refresh();
  await new Promise((resolve) => setImmediate(resolve));
  return stats.backlog;
};

it('sees what other processes accept and process, also while nothing comes in here', async () => {
  await store.accept([newMessage({ clientId: 'ann' }), newMessage({ clientId: 'bob' })], RULES);
  expect(await look()).toBe(2);
  const claimed = await store.claimMessages({ limit: 9, leaseMs: 1_000 });
  await store.commit(claimed.map((item) => processed(item)));
  now += 1_000;
  expect(await look()).toBe(0);
});

it('looks again when the clock was set back', async () => {
  expect(await look()).toBe(0);
  await store.accept([newMessage()], RULES);
  now -= 3_600_000;
  expect(await look()).toBe(1);
});

it('asks the store once a second at most', async () => {
  expect(await look()).toBe(0);
  await store.accept([newMessage()], RULES);
  now += 999;
  expect(await look()).toBe(0);
});
