import { randomUUID } from 'node:crypto';
import { DemoClient } from './client.js';
import { Ledger } from './ledger.js';
import type { DemoMessage } from './messages.js';
import { sendAtPace } from './pace.js';
import type { Progress } from './progress.js';
import { startReceiver } from './receiver.js';
import type { DemoReport } from './summary.js';

/** What {@link runDemo} needs. */
export interface RunOptions {
  /** Address of the server. */
  readonly url: string;
  /** The server's webhook secret. */
  readonly secret: string;
  readonly apiKey?: string | undefined;
  readonly messages: readonly DemoMessage[];
  readonly rate: number;
  readonly concurrency: number;
  readonly flaky: number;
  readonly patienceMs: number;
  readonly progress: Progress;
}

const POLL_MS = 20;
const STATES_ASKED = 5;

/** Waits until every accepted message has arrived, or nothing has for too long. */
async function settle(ledger: Ledger, patienceMs: number, show: () => void): Promise<void> {
  let seen = ledger.settled;
  let movedAt = Date.now();
  while (ledger.settled < ledger.accepted && Date.now() - movedAt < patienceMs) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    show();
    if (ledger.settled === seen) continue;
    seen = ledger.settled;
    movedAt = Date.now();
  }
}

/** Sends the messages, receives the webhooks, and reports what was really seen. */
export async function runDemo(options: RunOptions): Promise<DemoReport> {
  const { messages, progress, concurrency } = options;
  const run = randomUUID();
  const ledger = new Ledger();
  const receiver = await startReceiver({ ...options, ledger });
  const client = new DemoClient({
    url: options.url,
    apiKey: options.apiKey,
    connections: concurrency,
  });
  const refused: { text: string; reason: string }[] = [];
  const show = () =>
    progress.update({
      total: messages.length,
      sent: ledger.accepted + refused.length,
      delivered: ledger.settled,
    });
  try {
    await sendAtPace(messages, options, async ({ clientId, text }, index) => {
      const body = { client_id: clientId, text, webhook_url: receiver.url, platform: 'demo' };
      const result = await client.send(body, `${run}:${index}`);
      if (result.accepted) ledger.accept(result.id, result.at);
      else refused.push({ text, reason: result.reason });
      show();
    });
    await settle(ledger, options.patienceMs, show);
    progress.end();
    const report = ledger.report();
    const dead = new Set(await client.deadMessages());
    const stuck = report.undelivered.slice(0, STATES_ASKED);
    return {
      ...report,
      total: messages.length,
      refused,
      dead: report.undelivered.filter((id) => dead.has(id)).length,
      stuck: await Promise.all(stuck.map(async (id) => `${id}: ${await client.stateOf(id)}`)),
    };
  } finally {
    await client.close();
    await receiver.close();
  }
}
