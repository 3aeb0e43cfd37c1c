import { Pool } from 'undici';
import { z } from 'zod';

const acceptedSchema = z.object({ id: z.string(), created_at: z.string() });
const problemSchema = z.object({ code: z.string().optional(), detail: z.string().optional() });
const deliveriesSchema = z.object({
  items: z.array(z.object({ message_id: z.string() })),
  next_cursor: z.string().nullable(),
});
const stateSchema = z.object({
  status: z.string(),
  delivery: z.object({ id: z.string(), status: z.string() }).nullish(),
});

/** What became of a message that was sent. */
export type SendResult =
  | { accepted: true; id: string; at: number }
  | { accepted: false; reason: string };

/** Options of {@link DemoClient}. */
export interface ClientOptions {
  readonly url: string;
  readonly apiKey: string | undefined;
  readonly connections: number;
}

const ATTEMPTS = 12;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;
const REQUEST_TIMEOUT_MS = 30_000;

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Talks to the server's HTTP API the way a careful customer does: keys for idempotency, retries with back-off. */
export class DemoClient {
  readonly #pool: Pool;
  readonly #headers: Record<string, string>;

  constructor(options: ClientOptions) {
    const timeouts = { headersTimeout: REQUEST_TIMEOUT_MS, bodyTimeout: REQUEST_TIMEOUT_MS };
    this.#pool = new Pool(new URL(options.url).origin, {
      ...timeouts,
      connections: options.connections,
    });
    this.#headers = options.apiKey ? { authorization: `Bearer ${options.apiKey}` } : {};
  }

  /**
   * Sends a message. When the connection fails or the server has no room (429, 503), sends it again with the same
   * key, so that it is accepted once whatever had happened to the first request.
   */
  async send(message: object, key: string): Promise<SendResult> {
    const body = JSON.stringify(message);
    const headers = {
      ...this.#headers,
      'content-type': 'application/json',
      'idempotency-key': key,
    };
    let reason = '';
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      let pauseMs =
        Math.min(FIRST_PAUSE_MS * 2 ** attempt, LONGEST_PAUSE_MS) * (0.5 + Math.random());
      try {
        const reply = await this.#pool.request({
          path: '/v1/messages',
          method: 'POST',
          headers,
          body,
        });
        const text = await reply.body.text();
        if (reply.statusCode === 202) {
          const { id, created_at } = acceptedSchema.parse(JSON.parse(text));
          return { accepted: true, id, at: Date.parse(created_at) };
        }
        reason = describeProblem(reply.statusCode, text);
        if (![429, 502, 503, 504].includes(reply.statusCode)) break;
        pauseMs = Math.max(pauseMs, Number(reply.headers['retry-after'] ?? 0) * 1_000 || 0);
      } catch (error) {
        reason = error instanceof Error ? error.message : String(error);
      }
      await wait(pauseMs);
    }
    return { accepted: false, reason };
  }

  /** How the server sees a message that did not arrive. */
  async stateOf(id: string): Promise<string> {
    const { status, delivery } = stateSchema.parse(await this.#get(`/v1/messages/${id}`));
    return delivery ? `${status}, delivery ${delivery.id} ${delivery.status}` : status;
  }

  /** Messages whose delivery the server has given up. */
  async deadMessages(): Promise<string[]> {
    const ids: string[] = [];
    let cursor: string | null = '';
    do {
      const page: z.infer<typeof deliveriesSchema> = deliveriesSchema.parse(
        await this.#get(
          `/v1/deliveries?status=dead&limit=500${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`,
        ),
      );
      ids.push(...page.items.map(({ message_id }) => message_id));
      cursor = page.next_cursor;
    } while (cursor);
    return ids;
  }

  async #get(path: string): Promise<unknown> {
    const reply = await this.#pool.request({ path, method: 'GET', headers: this.#headers });
    const text = await reply.body.text();
    if (reply.statusCode !== 200) throw new Error(describeProblem(reply.statusCode, text));
    return JSON.parse(text);
  }

  /** Closes the connections. */
  async close(): Promise<void> {
    await this.#pool.close();
  }
}

function describeProblem(status: number, text: string): string {
  try {
    const { code, detail } = problemSchema.parse(JSON.parse(text));
    return [`HTTP ${status}`, code, detail].filter(Boolean).join(' ');
  } catch {
    return `HTTP ${status}`;
  }
}
