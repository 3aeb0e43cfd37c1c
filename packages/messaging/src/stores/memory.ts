import { type Clock, systemClock } from '../ports.js';
import type { MessagingStore, WakeTopic } from '../store.js';
import { MemoryDeliveries } from './memory-deliveries.js';
import { MemoryMessages } from './memory-messages.js';
import { MemoryTemplates } from './memory-templates.js';

/** Options of {@link memoryStore}. */
export interface MemoryStoreOptions {
  /** @defaultValue the system's */
  clock?: Clock;
}

/**
 * Keeps everything in this process: for tests, trials and what may be lost. Several pipelines may share one.
 * There are no transactions: a task is enqueued right before the replies become visible.
 */
export function memoryStore(options: MemoryStoreOptions = {}): MessagingStore {
  const now = (): number => (options.clock ?? systemClock).now();
  const deliveries = new MemoryDeliveries(now);
  const messages = new MemoryMessages(now, deliveries);
  const templates = new MemoryTemplates(now);
  const hearers = new Set<(topic: WakeTopic) => void>();
  return {
    name: 'memory',
    async init() {},
    accept: async (batch, rules) => batch.map((message) => messages.accept(message, rules)),
    backlog: async (atMost) => messages.backlog(atMost),
    claimMessages: async (claim) => messages.claim(claim),
    commit: (items, enqueue) => messages.commit(items, enqueue),
    releaseMessages: async (items) => messages.release(items),
    claimDeliveries: async (claim) => deliveries.claim(claim),
    settleDeliveries: async (items) => items.map((item) => deliveries.settle(item)),
    releaseDeliveries: async (items) => deliveries.release(items),
    replayDelivery: async (id) => deliveries.replay(id),
    getMessage: async (id) => messages.get(id),
    listMessages: async (filter, page) => messages.list(filter, page),
    getSession: async (id) => messages.session(id),
    getDelivery: async (id) => deliveries.get(id),
    listDeliveries: async (filter, page) => deliveries.list(filter, page),
    listAttempts: async (id, page) => deliveries.listAttempts(id, page),
    counts: async () => ({ messages: messages.counts(), deliveries: deliveries.counts() }),
    listTemplates: async () => templates.list(),
    putTemplates: async (items, put) => templates.put(items, put?.onlyMissing ?? false),
    replaceTemplates: async (items) => templates.replace(items),
    prune: async () => ({ idempotencyKeys: messages.prune() }),
    async wake(topic) {
      for (const hearer of hearers) hearer(topic);
    },
    async onWake(handler) {
      const hearer = (topic: WakeTopic): void => handler(topic);
      hearers.add(hearer);
      return {
        async close() {
          hearers.delete(hearer);
        },
      };
    },
  };
}
