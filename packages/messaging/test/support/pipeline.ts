import {
  createMessaging,
  type Message,
  type Messaging,
  MessagingAdmin,
  type MessagingOptions,
  memoryStore,
} from '../../src/index.js';
import { SECRET } from './receiver.js';

/** A pipeline in memory that may reach this machine. */
export function pipeline(options: Partial<MessagingOptions> = {}): {
  messaging: Messaging;
  admin: MessagingAdmin;
} {
  const messaging = createMessaging({
    store: memoryStore(options.clock === undefined ? {} : { clock: options.clock }),
    ...options,
    webhooks: { secrets: [SECRET], allowNetworks: ['127.0.0.0/8'], ...options.webhooks },
  });
  return { messaging, admin: new MessagingAdmin(messaging) };
}

/** Waits until nothing is unfinished, processing included. */
export async function settled(admin: MessagingAdmin): Promise<void> {
  for (let i = 0; i < 2_000; i += 1) {
    const { messages, deliveries } = await admin.counts();
    const open =
      messages.accepted +
      messages.processing +
      deliveries.pending +
      deliveries.sending +
      deliveries.retrying;
    if (open === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error('The pipeline did not come to rest');
}

/** All messages, oldest first. */
export async function allMessages(admin: MessagingAdmin): Promise<Message[]> {
  const { items } = await admin.listMessages({}, { limit: 500 });
  return [...items].reverse();
}
