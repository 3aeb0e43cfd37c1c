import { createServer, type Server } from 'node:http';
import type { AddressInfo, LookupFunction } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/ports.js';
import { addressPolicy } from '../../src/webhooks/address-policy.js';
import { WebhookSender } from '../../src/webhooks/sender.js';
import { signingKey } from '../../src/webhooks/sign.js';
import { eventually } from '../support/eventually.js';
import { OTHER_SECRET, type Receiver, SECRET, startReceiver, verify } from '../support/receiver.js';

let receiver: Receiver;
const senders: WebhookSender[] = [];

beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(async () => {
  await Promise.all(senders.splice(0).map((sender) => sender.close()));
  await receiver.close();
});

function sender(
  options: {
    allow?: string[];
    lookup?: LookupFunction;
    timeoutMs?: number;
    secrets?: string[];
  } = {},
) {
  const made = new WebhookSender({
    keys: (options.secrets ?? [SECRET]).map((secret) => signingKey(secret, 'secret')),
    policy: addressPolicy(options.allow ?? ['127.0.0.0/8']),
    timeoutMs: options.timeoutMs ?? 5_000,
    perHost: 4,
    clock: systemClock,
    ...(options.lookup === undefined ? {} : { lookup: options.lookup }),
  });
  senders.push(made);
  return made;
}

const request = (url: string, signal: AbortSignal = new AbortController().signal) => ({
  id: '019b3f6e-2c11-7d4e-8a2b-5f0c9e7d1a34',
  url,
  body: '{"text":"Привіт 👋"}',
  attempt: 2,
  requestId: 'req-1',
  carrier: {
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    tracestate: 'a=1',
    baggage: 'customer.segment=unprofitable',
    other: 'no',
  },
  signal,
});

/** Answers each lookup with the next addresses, the last ones for ever. */
const resolvesTo = (...answers: string[][]): LookupFunction => {
  let asked = 0;
  return (_name, _options, callback) => {
    const addresses = answers[Math.min(asked, answers.length - 1)] ?? [];
    asked += 1;
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  };
};

describe('a webhook', () => {
  it('verifies with the official library, and carries id, attempt, request and trace', async () => {
    const result = await sender().send(request(receiver.url));
    expect(result).toMatchObject({ httpStatus: 204, errorCode: null });
    const [got] = receiver.received;
    if (got === undefined) throw new Error('Nothing arrived');
    verify(got);
    expect(() => verify(got, OTHER_SECRET)).toThrow();
    expect(got.body).toBe('{"text":"Привіт 👋"}');
    expect(got.headers).toMatchObject({
      'content-type': 'application/json',
      'webhook-id': '019b3f6e-2c11-7d4e-8a2b-5f0c9e7d1a34',
      'webhook-attempt': '2',
      'x-request-id': 'req-1',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      tracestate: 'a=1',
    });
    expect(got.headers).not.toHaveProperty('other');
    expect(got.headers).not.toHaveProperty('baggage');
  });

  it('verifies with each of several secrets while one replaces another', async () => {
    await sender({ secrets: [SECRET, OTHER_SECRET] }).send(request(receiver.url));
    const [got] = receiver.received;
    if (got === undefined) throw new Error('Nothing arrived');
    verify(got, SECRET);
    verify(got, OTHER_SECRET);
  });

  it('ends in time when no answer comes', async () => {
    receiver.answer = () => {};
    const result = await sender({ timeoutMs: 100 }).send(request(receiver.url));
    expect(result).toMatchObject({ httpStatus: null, errorCode: 'TIMEOUT' });
  });

  it('ends when told to', async () => {
    const abort = new AbortController();
    receiver.answer = () => abort.abort('SHUTDOWN');
    const result = await sender().send(request(receiver.url, abort.signal));
    expect(result).toMatchObject({ httpStatus: null, errorCode: 'SHUTDOWN' });
  });

  it('says why nobody could be reached', async () => {
    const gone = await startReceiver();
    await gone.close();
    expect(await sender().send(request(gone.url))).toMatchObject({
      httpStatus: null,
      errorCode: 'ECONNREFUSED',
    });
  });

  it('to localhost uses the address that is allowed, of the two that the name stands for', async () => {
    const both = sender({ lookup: resolvesTo(['::1', '127.0.0.1']) });
    const url = receiver.url.replace('127.0.0.1', 'localhost');
    expect(await both.send(request(url))).toMatchObject({ httpStatus: 204 });
    const neither = sender({ allow: ['10.0.0.0/8'], lookup: resolvesTo(['::1', '127.0.0.1']) });
    expect(await neither.send(request(url))).toMatchObject({ errorCode: 'SSRF_BLOCKED' });
    expect(receiver.connections()).toBe(1);
  });

  it('to a name whose server does not answer waits with all others for one answer', async () => {
    const answers: (() => void)[] = [];
    const slow: LookupFunction = (_name, _options, callback) =>
      void answers.push(() => callback(null, [{ address: '127.0.0.1', family: 4 }]));
    const url = receiver.url.replace('127.0.0.1', 'slow.test');
    const made = sender({ lookup: slow });
    const sent = Promise.all([1, 2, 3, 4].map(() => made.send(request(url))));
    await eventually(() => answers.length).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(answers.length).toBe(1);
    for (const answer of answers) answer();
    expect((await sent).map(({ httpStatus }) => httpStatus)).toEqual([204, 204, 204, 204]);
  });

  it('follows no redirect', async () => {
    const canary = await startReceiver();
    receiver.answer = (response) => void response.writeHead(307, { location: canary.url }).end();
    expect(await sender().send(request(receiver.url))).toMatchObject({
      httpStatus: 307,
      errorCode: 'HTTP_307',
    });
    expect(canary.connections()).toBe(0);
    await canary.close();
  });

  it('counts as delivered by the status line, however the answer goes on', async () => {
    receiver.answer = (response) => {
      response.writeHead(200);
      response.write('x');
      response.socket?.destroySoon();
    };
    expect(await sender().send(request(receiver.url))).toMatchObject({ httpStatus: 200 });
  });

  it('reads no more than 64 KiB of an endless answer', async () => {
    const chunk = Buffer.alloc(65_536, 'x');
    let written = 0;
    let closed = false;
    receiver.answer = (response) => {
      response.writeHead(200, { 'content-length': String(2 ** 30) });
      response.on('close', () => {
        closed = true;
      });
      const pump = (): void => {
        while (!closed && written < 2 ** 30) {
          written += chunk.length;
          if (!response.write(chunk)) return void response.once('drain', pump);
        }
      };
      pump();
    };
    const before = process.memoryUsage.rss();
    const result = await sender().send(request(receiver.url));
    await eventually(() => closed).toBe(true);
    expect(result).toMatchObject({ httpStatus: 200 });
    expect(written).toBeLessThan(32 * 2 ** 20); // what fits into socket buffers
    expect(process.memoryUsage.rss() - before).toBeLessThan(64 * 2 ** 20);
  });
});

describe('the guard against addresses inside', () => {
  let canary: Server;
  let canaryConnections = 0;
  let port = 0;

  beforeEach(async () => {
    canaryConnections = 0;
    canary = createServer((_, response) => void response.end('secret'));
    canary.on('connection', () => {
      canaryConnections += 1;
    });
    await new Promise<void>((resolve) => canary.listen(0, '127.0.0.1', resolve));
    port = (canary.address() as AddressInfo).port;
  });
  afterEach(() => new Promise((resolve) => canary.close(resolve)));

  it.each([
    '127.0.0.1',
    '127.1',
    '0x7f.1',
    '2130706433',
    '[::ffff:127.0.0.1]',
    '0.0.0.0',
    '127。0。0。1',
  ])('never connects to the literal %s', async (host) => {
    const result = await sender({ allow: [] }).send(request(`http://${host}:${port}/`));
    expect(result).toMatchObject({ httpStatus: null, errorCode: 'SSRF_BLOCKED' });
    expect(canaryConnections).toBe(0);
  });

  it.each([
    ['a private address', ['127.0.0.1']],
    ['a private one among public ones', ['8.8.8.8', '127.0.0.1']],
    ['a mapped one', ['::ffff:127.0.0.1']],
    ['no address', []],
  ])('never connects to a name that resolves to %s', async (_, addresses) => {
    const result = await sender({ allow: [], lookup: resolvesTo(addresses) }).send(
      request(`http://evil.test:${port}/`),
    );
    expect(result).toMatchObject({ httpStatus: null, errorCode: 'SSRF_BLOCKED' });
    expect(canaryConnections).toBe(0);
  });

  it('judges a name anew at each connection, so an answer that flips gets nowhere', async () => {
    const flipping = sender({
      allow: ['127.0.0.2/32'],
      lookup: resolvesTo(['127.0.0.2'], ['127.0.0.1']),
      timeoutMs: 300,
    });
    await flipping.send(request(`http://flip.test:${port}/`)); // nobody listens there
    const second = await flipping.send(request(`http://flip.test:${port}/`));
    expect(second).toMatchObject({ httpStatus: null, errorCode: 'SSRF_BLOCKED' });
    expect(canaryConnections).toBe(0);
  });
});
