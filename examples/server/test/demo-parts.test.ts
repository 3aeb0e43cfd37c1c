import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { afterAll, describe, expect, it } from 'vitest';
import { readCsv } from '../src/demo/csv.js';
import { Ledger } from '../src/demo/ledger.js';
import { sampleMessages } from '../src/demo/messages.js';
import { parseOptions } from '../src/demo/options.js';
import { sendAtPace } from '../src/demo/pace.js';
import { progressOn } from '../src/demo/progress.js';
import { startReceiver } from '../src/demo/receiver.js';
import { failuresOf, percentile, renderSummary } from '../src/demo/summary.js';

const folder = mkdtempSync(join(tmpdir(), 'holdfast-demo-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const received = (messageId: string, webhookId: string, greetings = 0) => ({
  messageId,
  webhookId,
  sessionId: 's1',
  category: 'BILLING',
  greetings,
  replies: 1,
  at: 1_500,
});

const rest = { refused: [], dead: 0, stuck: [] };

describe('the bundled sample', () => {
  it('has at least 120 messages in three languages and a burst of different customers', () => {
    const messages = sampleMessages();
    const burst = messages.filter((message) => message.burst);
    expect(messages.length).toBeGreaterThanOrEqual(120);
    expect(burst.length).toBeGreaterThanOrEqual(25);
    expect(new Set(burst.map(({ clientId }) => clientId)).size).toBe(burst.length);
    expect(messages.some(({ text }) => /[їєґ]/i.test(text))).toBe(true);
    expect(messages.some(({ text }) => /[ыэъ]/i.test(text))).toBe(true);
    expect(messages.every(({ text }) => text.trim() === text && text !== '')).toBe(true);
  });
});

describe('readCsv', () => {
  const file = (text: string) => {
    const path = join(folder, 'messages.csv');
    writeFileSync(path, text);
    return path;
  };

  it('reads quotes, line breaks in quotes, other columns and a byte order mark', async () => {
    const path = file('\ufeffid,text,client_id\n1,"He said ""hi""\nтут",c7\n2,plain,\n3,  ,c8\n');
    expect(await readCsv(path)).toEqual({
      rows: [
        { text: 'He said "hi"\nтут', clientId: 'c7' },
        { text: 'plain', clientId: undefined },
      ],
      skipped: 1,
    });
  });

  it('stops at the limit', async () => {
    expect((await readCsv(file('text\na\nb\nc\n'), 2)).rows.map(({ text }) => text)).toEqual([
      'a',
      'b',
    ]);
  });

  it('says what is wrong with a file', async () => {
    await expect(readCsv(file('body\na\n'))).rejects.toThrow('no column "text", only: body');
    await expect(readCsv(join(folder, 'none.csv'))).rejects.toThrow('ENOENT');
    await expect(readCsv(file('text\n"open\n'))).rejects.toThrow(/quote/i);
  });
});

describe('parseOptions', () => {
  it('has defaults for the sample and for a file', () => {
    expect(parseOptions([])).toMatchObject({
      rate: 25,
      concurrency: 32,
      flaky: 0,
      file: undefined,
    });
    expect(parseOptions(['--file', 'x.csv'])).toMatchObject({ rate: 200, file: 'x.csv' });
    expect(parseOptions(['--help'])).toBe('help');
  });

  it.each([
    [['--rate', 'fast'], '--rate must be a number from 0 up, got "fast"'],
    [['--rate', ''], '--rate'],
    [['--limit', '1.5'], '--limit must be a whole number from 1 up, got "1.5"'],
    [['--flaky', '2'], '--flaky must be a number from 0 to 1, got "2"'],
    [['--url', 'http://127.0.0.1:8000'], '--url and --secret go together'],
    [['--url', 'nowhere', '--secret', 'x'], '--url must be an address'],
    [['--fiel', 'x.csv'], '--fiel'],
  ])('refuses %j', (args, message) => {
    expect(() => parseOptions(args)).toThrow(message);
  });
});

describe('sendAtPace', () => {
  it('sends every item once, in order, never more at a time than allowed', async () => {
    const items = Array.from({ length: 100 }, (_, i) => ({ i, burst: i % 2 === 0 }));
    const sent: number[] = [];
    let inFlight = 0;
    let most = 0;
    await sendAtPace(items, { rate: 0, concurrency: 7 }, async ({ i }) => {
      sent.push(i);
      most = Math.max(most, ++inFlight);
      await new Promise(setImmediate);
      inFlight -= 1;
    });
    expect(sent).toEqual(items.map(({ i }) => i));
    expect(most).toBe(7);
  });

  it('fails when a call fails', async () => {
    const failing = sendAtPace([{ burst: true }], { rate: 1, concurrency: 1 }, () =>
      Promise.reject(new Error('broken')),
    );
    await expect(failing).rejects.toThrow('broken');
  });
});

describe('Ledger', () => {
  it('counts a message once, whichever is seen first, its acceptance or its webhook', () => {
    const ledger = new Ledger();
    ledger.accept('m1', 1_000);
    ledger.receive(received('m1', 'w1', 1));
    ledger.receive(received('m2', 'w2'));
    expect(ledger.settled).toBe(1);
    ledger.accept('m2', 1_400);
    ledger.accept('m2', 1_450);
    const report = ledger.report();
    expect(report).toMatchObject({
      accepted: 2,
      answered: 2,
      delivered: 2,
      sessions: 1,
      greetings: 1,
    });
    expect(report.latenciesMs).toEqual([100, 500]);
    expect(report.byCategory).toEqual({ BILLING: 2 });
    expect(failuresOf({ ...report, ...rest, total: 2 })).toEqual([]);
    expect(failuresOf({ ...report, ...rest, total: 3 })).toEqual([
      '1 accepted under the id of another message',
    ]);
  });

  it('permits the same webhook id again, and only that', () => {
    const ledger = new Ledger();
    ledger.accept('m1', 1_000);
    ledger.receive(received('m1', 'w1'));
    ledger.receive(received('m1', 'w1'));
    expect(ledger.report()).toMatchObject({ delivered: 1, duplicates: 1, severalIds: [] });

    ledger.receive(received('m1', 'w2'));
    expect(ledger.report()).toMatchObject({ delivered: 0, severalIds: ['m1'] });
  });

  it('names what is wrong', () => {
    const ledger = new Ledger();
    for (const id of ['lost', 'm1', 'm2']) ledger.accept(id, 1_000);
    ledger.receive(received('m1', 'w1', 1));
    ledger.receive(received('m2', 'w2', 1));
    ledger.rejectSignature();
    const refused = [{ text: 'long', reason: 'HTTP 422' }];
    const report = { ...ledger.report(), total: 4, refused, dead: 0, stuck: ['lost: failed'] };
    expect(failuresOf(report)).toEqual([
      '1 not accepted',
      '1 accepted and not delivered',
      '1 webhooks with a wrong signature',
      '1 sessions greeted more than once',
    ]);
    const text = renderSummary(report);
    expect(text).toContain('FAILED: 1 not accepted, ');
    expect(text).toContain('not accepted: "long": HTTP 422');
    expect(text).toContain('not delivered: lost: failed');
  });
});

describe('percentile', () => {
  it('is the nearest rank', () => {
    const hundred = Array.from({ length: 100 }, (_, i) => i + 1);
    expect([0.5, 0.95, 0.99, 1].map((q) => percentile(hundred, q))).toEqual([50, 95, 99, 100]);
    expect(percentile([7], 0.99)).toBe(7);
    expect(percentile([], 0.5)).toBe(0);
  });
});

describe('the receiver', () => {
  const secret = `whsec_${Buffer.from('a secret of this test').toString('base64')}`;
  const body = JSON.stringify({
    type: 'message.replied',
    data: {
      message_id: 'm1',
      session_id: 's1',
      category: 'BILLING',
      replies: [{ id: 'r1', purpose: 'greeting', text: 'Hello', locale: 'en' }],
    },
  });

  const post = (url: string, id: string, text: string, signedWith = secret) => {
    const now = new Date();
    const headers = {
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
      'webhook-signature': new Webhook(signedWith).sign(id, now, text),
    };
    return fetch(url, { method: 'POST', headers, body: text }).then(({ status }) => status);
  };

  it('takes signed webhooks and refuses all others', async () => {
    const ledger = new Ledger();
    const receiver = await startReceiver({ ledger, secret, flaky: 0 });
    const other = `whsec_${Buffer.from('another secret').toString('base64')}`;
    try {
      ledger.accept('m1', Date.now());
      expect(await post(receiver.url, 'w1', body)).toBe(204);
      expect(await post(receiver.url, 'w2', body, other)).toBe(401);
      expect(await post(receiver.url, 'w3', '{"type":"other"}')).toBe(400);
      expect(ledger.report()).toMatchObject({ delivered: 1, greetings: 1, badSignatures: 1 });
    } finally {
      await receiver.close();
    }
  });

  it('can refuse first attempts, and takes the next one', async () => {
    const ledger = new Ledger();
    const receiver = await startReceiver({ ledger, secret, flaky: 1 });
    try {
      ledger.accept('m1', Date.now());
      expect(await post(receiver.url, 'w1', body)).toBe(503);
      expect(await post(receiver.url, 'w1', body)).toBe(204);
      expect(ledger.report()).toMatchObject({ delivered: 1, retried: 1, duplicates: 0 });
    } finally {
      await receiver.close();
    }
  });
});

describe('progressOn', () => {
  const write = (isTTY: boolean) => {
    let text = '';
    const progress = progressOn({ isTTY, write: (part) => (text += part) });
    for (let i = 0; i <= 100; i++) progress.update({ total: 100, sent: i, delivered: i });
    progress.end();
    return text;
  };

  it('writes plain lines where there is no terminal', () => {
    const text = write(false);
    expect(text).not.toContain('\r');
    expect(text).not.toContain('\u001b');
    expect(text.trimEnd().split('\n')).toHaveLength(10);
    expect(text).toContain('100/100 sent, 100 delivered\n');
  });

  it('draws over one line in a terminal', () => {
    const text = write(true);
    expect(text).toContain('\r');
    expect(text.endsWith('\n')).toBe(true);
    expect(text).toContain('100 %');
  });
});
