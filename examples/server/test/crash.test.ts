import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '@holdfast/sql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildServer, ChildServer, freePort } from './child-server.js';
import { Receiver, SECRET } from './helpers.js';

const KILLS = 10;
const CLIENTS = 24;
const SENDERS = 12;
const TEXTS = [
  'Hello, my internet is not working',
  'Why was I charged twice this month?',
  'I want to talk to a human operator',
  'Здравствуйте, не могу войти в аккаунт',
  'Доброго дня, коли повернуть кошти?',
];

let directory: string;
let receiver: Receiver;
let server: ChildServer | undefined;

beforeAll(async () => {
  await buildServer();
  directory = await mkdtemp(join(tmpdir(), 'holdfast-crash-'));
  receiver = await Receiver.start();
}, 240_000);

afterAll(async () => {
  await server?.kill();
  await receiver?.close();
  await rm(directory, { recursive: true, force: true });
});

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Sends messages until told to stop, and each one until it is answered: always with the same key. */
class Senders {
  /** Id of the message by idempotency key, for every request that was answered. */
  readonly accepted = new Map<string, string>();
  /** Answers that tell of a failure of the server. */
  readonly failed: string[] = [];
  /** Answers that refuse a request. */
  readonly refused: string[] = [];
  /** Requests that were begun again because no answer came. */
  repeated = 0;
  readonly #url: string;
  #next = 0;
  #stopping = false;
  #givenUp = false;
  #running: Promise<unknown> = Promise.resolve();

  constructor(url: string) {
    this.#url = url;
  }

  start(): void {
    this.#running = Promise.all(Array.from({ length: SENDERS }, () => this.#run()));
  }

  /** Resolves when so many more messages were accepted: then the server is in the middle of its work. */
  async progress(messages: number): Promise<void> {
    const goal = this.accepted.size + messages;
    while (this.accepted.size < goal) {
      if (this.refused.length > 0) throw new Error(this.refused.join('\n'));
      await pause(5);
    }
  }

  /** Begins no further message; resolves when those begun are answered, or cannot be within 30 s. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const timer = setTimeout(() => {
      this.#givenUp = true;
    }, 30_000);
    await this.#running;
    clearTimeout(timer);
    expect([this.#givenUp, this.refused, this.failed]).toEqual([false, [], []]);
  }

  async post(n: number): Promise<{ status: number; body: { id: string } }> {
    const response = await fetch(`${this.#url}/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': `key-${n}` },
      body: JSON.stringify({
        client_id: `client-${n % CLIENTS}`,
        text: TEXTS[n % TEXTS.length],
        webhook_url: receiver.url,
      }),
      signal: AbortSignal.timeout(10_000),
    });
    return { status: response.status, body: (await response.json()) as { id: string } };
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      await this.#deliver(this.#next++);
      await pause(5);
    }
  }

  async #deliver(n: number): Promise<void> {
    while (!this.#givenUp) {
      try {
        const { status, body } = await this.post(n);
        if (status === 202) {
          this.accepted.set(`key-${n}`, body.id);
          return;
        }
        // The server may be closing or cut off from its database; anything else is a wrong answer.
        if (status < 500) {
          this.refused.push(`${status} ${JSON.stringify(body)}`);
          return;
        }
        this.failed.push(JSON.stringify(body));
      } catch {
        // The server is away.
      }
      this.repeated += 1;
      await pause(150);
    }
  }
}

interface Event {
  data: { message_id: string; session_id: string; replies: { id: string; purpose: string }[] };
}

/** What arrived, each webhook-id once; repetitions of one must be equal. */
function distinctWebhooks(): Map<string, Event> {
  const events = new Map<string, Event>();
  for (const { id, body, verified } of receiver.received) {
    expect(verified).toBe(true);
    const known = events.get(id);
    if (known === undefined) events.set(id, body as Event);
    else expect(body).toEqual(known);
  }
  return events;
}

describe('a server that is killed ten times while it works', () => {
  it('loses no accepted message, answers each under one id, and greets each session once', async () => {
    const env = {
      PORT: String(await freePort()),
      DATA_DIR: directory,
      WEBHOOK_SECRET: SECRET,
      WEBHOOK_ALLOW_NETWORKS: '127.0.0.0/8',
      LOG_LEVEL: 'info',
    };
    server = await ChildServer.start(env);
    const senders = new Senders(server.url);
    senders.start();
    try {
      for (let kill = 0; kill < KILLS; kill++) {
        await senders.progress(5 + Math.floor(Math.random() * 60));
        await pause(Math.random() * 100);
        await server.kill();
        server = await ChildServer.start(env);
      }
    } finally {
      await senders.stop();
    }
    const accepted = [...senders.accepted.values()];
    expect(accepted.length).toBeGreaterThan(CLIENTS);
    expect(new Set(accepted).size).toBe(accepted.length);
    expect(senders.repeated).toBeGreaterThan(0);

    // What a dead process had in hand is taken up once its lease ends.
    const until = Date.now() + 60_000;
    const missing = (): string[] => {
      const arrived = new Set(receiver.received.map(({ body }) => (body as Event).data.message_id));
      return accepted.filter((id) => !arrived.has(id));
    };
    while (missing().length > 0 && Date.now() < until) await pause(100);
    expect(missing()).toEqual([]);

    for (const [key, id] of [...senders.accepted].slice(-20)) {
      const again = await senders.post(Number(key.slice(4)));
      expect(again).toMatchObject({ status: 202, body: { id } });
    }
    expect(await server.stop()).toBe(0);

    const webhooks = distinctWebhooks();
    const byMessage = new Map([...webhooks].map(([id, { data }]) => [data.message_id, id]));
    expect(byMessage.size).toBe(webhooks.size);
    expect([...byMessage.keys()].sort()).toEqual([...accepted].sort());
    const greeted = [...webhooks.values()]
      .filter(({ data }) => data.replies.some((reply) => reply.purpose === 'greeting'))
      .map(({ data }) => data.session_id);
    const sessions = new Set([...webhooks.values()].map(({ data }) => data.session_id));
    expect(sessions.size).toBe(CLIENTS);
    expect(greeted.sort()).toEqual([...sessions].sort());

    await using db = await openDatabase({ dataDir: join(directory, 'database') });
    const { rows } = await db.query(`
      SELECT (SELECT count(*) FROM holdfast.messaging_messages) AS messages,
             (SELECT count(*) FROM holdfast.messaging_messages WHERE status IN ('responded', 'escalated')) AS answered,
             (SELECT count(*) FROM holdfast.messaging_deliveries) AS deliveries,
             (SELECT count(*) FROM holdfast.messaging_deliveries WHERE status = 'delivered') AS delivered,
             (SELECT count(*) FROM holdfast.messaging_replies WHERE purpose = 'greeting') AS greetings`);
    const n = accepted.length;
    expect(rows).toEqual([
      { messages: n, answered: n, deliveries: n, delivered: n, greetings: CLIENTS },
    ]);
    process.stdout.write(
      `${n} messages, ${KILLS} kills, ${senders.repeated} requests repeated, ${receiver.received.length - webhooks.size} webhooks sent twice\n`,
    );
  }, 240_000);
});
