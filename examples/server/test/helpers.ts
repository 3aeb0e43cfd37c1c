import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { openDatabase } from '@holdfast/sql';
import { Webhook } from 'standardwebhooks';
import { readConfig } from '../src/config.js';
import { type RunningServer, type StartOptions, startServer } from '../src/server.js';

/** A secret for tests. */
export const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

/** One webhook as it arrived. */
export interface Received {
  readonly id: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: unknown;
  /** Whether the signature is good, by the official library. */
  readonly verified: boolean;
}

/** A customer's system: takes webhooks and checks each signature. */
export class Receiver {
  readonly received: Received[] = [];
  /** Statuses of the next answers; 204 when there are none left. */
  readonly answers: number[] = [];
  readonly #server: Server;
  readonly #webhook: Webhook;

  private constructor(secret: string) {
    this.#webhook = new Webhook(secret);
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        this.#take(request.headers, Buffer.concat(chunks).toString());
        response.writeHead(this.answers.shift() ?? 204).end();
      });
    });
  }

  static async start(secret = SECRET): Promise<Receiver> {
    const receiver = new Receiver(secret);
    await new Promise<void>((resolve) => receiver.#server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`;
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #take(headers: Received['headers'], text: string): void {
    let verified = true;
    try {
      this.#webhook.verify(text, headers as Record<string, string>);
    } catch {
      verified = false;
    }
    this.received.push({
      id: String(headers['webhook-id']),
      headers,
      body: JSON.parse(text),
      verified,
    });
  }
}

/** Log lines in memory. */
export class LogLines {
  readonly text: string[] = [];
  write(line: string): void {
    this.text.push(line);
  }
}

/** A server in this process, on a database in memory unless `options` say otherwise. */
export async function startTestServer(
  env: Record<string, string> = {},
  options: StartOptions = {},
): Promise<RunningServer> {
  const config = readConfig({
    PORT: '0',
    ENVIRONMENT: 'test',
    WEBHOOK_SECRET: SECRET,
    WEBHOOK_ALLOW_NETWORKS: '127.0.0.0/8',
    ...env,
  });
  return startServer(config, {
    signals: [],
    exit: () => undefined,
    destination: new LogLines(),
    openDatabase: () => openDatabase({ memory: true }),
    ...options,
  });
}

/** Waits until a check gives something. */
export async function eventually<T>(
  check: () => Promise<T | undefined> | T | undefined,
  timeoutMs = 15_000,
): Promise<T> {
  const until = Date.now() + timeoutMs;
  for (;;) {
    const value = await check();
    if (value !== undefined) return value;
    if (Date.now() > until) throw new Error(`It did not happen within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
