import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCsv } from '../src/demo/csv.js';
import { type DemoMessage, fileMessages, sampleMessages } from '../src/demo/messages.js';
import { progressOn } from '../src/demo/progress.js';
import { type RunOptions, runDemo } from '../src/demo/run.js';
import { failuresOf } from '../src/demo/summary.js';
import type { RunningServer } from '../src/server.js';
import { SECRET, startTestServer } from './helpers.js';

let server: RunningServer;

beforeAll(async () => {
  server = await startTestServer();
});

afterAll(async () => {
  await server?.shutdown('the tests are over');
});

const run = (messages: readonly DemoMessage[], options: Partial<RunOptions> = {}) =>
  runDemo({
    url: server.url,
    secret: SECRET,
    messages,
    rate: 0,
    concurrency: 16,
    flaky: 0,
    patienceMs: 20_000,
    progress: progressOn({ write: () => undefined }),
    ...options,
  });

describe('the demo', () => {
  it('finds every message of the sample answered and delivered exactly once', async () => {
    const messages = sampleMessages();
    const report = await run(messages);
    expect(failuresOf(report)).toEqual([]);
    expect(report).toMatchObject({
      total: messages.length,
      accepted: messages.length,
      answered: messages.length,
      delivered: messages.length,
      badSignatures: 0,
      dead: 0,
    });
    expect(report.greetings).toBe(report.sessions);
    expect(report.latenciesMs).toHaveLength(messages.length);
  });

  it('sees retries, and still one webhook id a message', async () => {
    const texts = ['my card was stolen', 'переведите деньги', 'де мій рахунок?'];
    const messages = texts.map((text, i) => ({ clientId: `flaky-${i}`, text, burst: false }));
    const report = await run(messages, { flaky: 1 });
    expect(failuresOf(report)).toEqual([]);
    expect(report).toMatchObject({ delivered: 3, retried: 3, duplicates: 0 });
  });

  it('reads its messages from a file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-demo-run-'));
    try {
      const path = join(folder, 'messages.csv');
      writeFileSync(path, 'text,category\n"two\nlines, one message",x\nhello,y\n');
      const { rows } = await readCsv(path);
      expect(await run(fileMessages(rows))).toMatchObject({ accepted: 2, delivered: 2 });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('names a message that the server refuses, with the reason', async () => {
    const tooLong = { clientId: 'talker', text: 'long '.repeat(2_000), burst: false };
    const fine = { clientId: 'brief', text: 'hello', burst: false };
    const report = await run([tooLong, fine]);
    expect(failuresOf(report)).toEqual(['1 not accepted']);
    expect(report.refused[0]?.reason).toContain('HTTP 422');
    expect(report.delivered).toBe(1);
  });

  it('notices signatures of another secret', async () => {
    const other = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
    const message = { clientId: 'forged', text: 'hello', burst: false };
    const report = await run([message], { secret: other, patienceMs: 1_000 });
    expect(report.badSignatures).toBeGreaterThan(0);
    expect(failuresOf(report)).toContain('1 accepted and not delivered');
    expect(report.stuck[0]).toMatch(/delivery .* retrying|sending|dead/);
  });
});
