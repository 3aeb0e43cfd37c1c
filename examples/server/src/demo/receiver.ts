import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Webhook } from 'standardwebhooks';
import { z } from 'zod';
import type { Ledger } from './ledger.js';

/** The part of a webhook that the demo looks at. */
const bodySchema = z.object({
  type: z.literal('message.replied'),
  data: z.object({
    message_id: z.string(),
    session_id: z.string(),
    category: z.string().nullish(),
    replies: z.array(z.object({ purpose: z.string(), text: z.string().min(1) })),
  }),
});

/** Options of {@link startReceiver}. */
export interface ReceiverOptions {
  readonly ledger: Ledger;
  readonly secret: string;
  /** Share of webhooks whose first attempt is answered with 503. */
  readonly flaky: number;
}

/** A customer's system: an HTTP server that takes webhooks. */
export interface Receiver {
  readonly url: string;
  close(): Promise<void>;
}

const MAX_BODY = 1_048_576;

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The same webhooks are chosen in every attempt, and about the given share of all of them. */
function isChosen(webhookId: string, share: number): boolean {
  const [first = 0, second = 0] = createHash('sha256').update(webhookId).digest();
  return (first * 256 + second) / 65_536 < share;
}

function headersOf(request: IncomingMessage): Record<string, string> {
  const names = ['webhook-id', 'webhook-timestamp', 'webhook-signature'];
  return Object.fromEntries(names.map((name) => [name, String(request.headers[name] ?? '')]));
}

/** Takes a webhook in and returns the HTTP status to answer. */
function take(options: ReceiverOptions, webhook: Webhook, request: IncomingMessage, text: string) {
  const { ledger, flaky } = options;
  const at = Date.now();
  const headers = headersOf(request);
  const webhookId = headers['webhook-id'] ?? '';
  try {
    webhook.verify(text, headers);
  } catch {
    ledger.rejectSignature();
    return 401;
  }
  const attempts = ledger.attempt(webhookId);
  if (attempts === 1 && isChosen(webhookId, flaky)) return 503;
  const body = bodySchema.safeParse(JSON.parse(text));
  if (!body.success) return 400;
  const { message_id, session_id, category, replies } = body.data.data;
  ledger.receive({
    webhookId,
    messageId: message_id,
    sessionId: session_id,
    category: category ?? undefined,
    greetings: replies.filter(({ purpose }) => purpose === 'greeting').length,
    replies: replies.length,
    at,
  });
  return 204;
}

/** Starts a receiver on the loopback interface. It verifies every signature with the official library. */
export async function startReceiver(options: ReceiverOptions): Promise<Receiver> {
  const webhook = new Webhook(options.secret);
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const text = await readBody(request);
    response.statusCode = text === undefined ? 413 : take(options, webhook, request, text);
    response.end();
  };
  const server = createServer((request, response) => {
    answer(request, response).catch(() => {
      if (!response.headersSent) response.statusCode = 500;
      response.end();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}/webhooks`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
