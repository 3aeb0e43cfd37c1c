import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { openDatabase } from '@holdfast/sql';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createMessaging, type Message, MessagingAdmin } from '../src/index.js';
import { postgresStore } from '../src/stores/postgres.js';
import { settled } from './support/pipeline.js';
import { type Receiver, SECRET, startReceiver, verify } from './support/receiver.js';

const KILLS = 4;
const MESSAGES = 400;
const CLIENTS = 100;
const program = fileURLToPath(new URL('./support/pipeline-process.ts', import.meta.url));
const register = new URL('./support/register-typescript.mjs', import.meta.url).href;

let receiver: Receiver;
const folder = mkdtempSync(join(tmpdir(), 'holdfast-messaging-'));
beforeAll(async () => {
  receiver = await startReceiver();
  // Some first attempts fail, so that retries are under way when the process dies.
  const seen = new Set<string>();
  receiver.answer = (response, { id }) => {
    const flaky = !seen.has(id) && seen.size % 10 === 0;
    seen.add(id);
    response.writeHead(flaky ? 503 : 204).end();
  };
});
afterAll(async () => {
  await receiver.close();
  rmSync(folder, { recursive: true, force: true });
});

const requests = Array.from({ length: MESSAGES }, (_, i) => ({
  key: `key-${i}`,
  clientId: `client-${i % CLIENTS}`,
  text: ['my card is lost', 'не работает интернет', 'де моє замовлення', 'zxcv'][i % 4],
}));
/** What was acknowledged: key to message id. */
const acknowledged = new Map<string, string>();
const contradictions: string[] = [];
const complaints: string[] = [];

function run(database: string): {
  child: ChildProcessWithoutNullStreams;
  ready: Promise<void>;
  exited: Promise<void>;
} {
  const args = [
    '--conditions=@holdfast/source',
    '--import',
    register,
    program,
    database,
    receiver.url,
    SECRET,
  ];
  const child = spawn(process.execPath, args, {
    stdio: 'pipe',
    env: { ...process.env, TYPESCRIPT_CACHE: folder },
  });
  child.stderr.on('data', (data) => complaints.push(String(data)));
  child.stdin.on('error', () => {}); // it may die while we write
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const ready = new Promise<void>((resolve, reject) => {
    void exited.then(() => reject(new Error(`The process ended early: ${complaints.join('')}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line === 'ready') return resolve();
      const { key, id } = JSON.parse(line);
      const before = acknowledged.get(key);
      if (before !== undefined && before !== id) contradictions.push(key);
      acknowledged.set(key, id);
    });
  });
  ready.catch(() => {});
  return { child, ready, exited };
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const IN_HAND = 60;

/** Hands in what is not acknowledged yet, some at a time, until `enough` says so or everything is. */
async function feed(child: ChildProcessWithoutNullStreams, enough: () => boolean): Promise<void> {
  const open = requests.filter(({ key }) => !acknowledged.has(key));
  let next = 0;
  for (;;) {
    const unanswered = open.slice(0, next).filter(({ key }) => !acknowledged.has(key)).length;
    if (enough() || (next === open.length && unanswered === 0)) return;
    for (const request of open.slice(next, next + IN_HAND - unanswered)) {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      next += 1;
    }
    await sleep(2);
  }
}

it('a process that is killed again and again loses nothing, answers once, and greets once', async () => {
  const database = join(folder, 'db');
  for (let kill = 0; kill < KILLS; kill += 1) {
    const { child, ready, exited } = run(database);
    await ready;
    const goal = acknowledged.size + 20 + Math.floor(Math.random() * 60);
    await feed(child, () => acknowledged.size >= goal);
    await sleep(Math.random() * 60);
    child.kill('SIGKILL');
    await exited;
  }
  const last = run(database);
  await last.ready;
  await feed(last.child, () => false);
  expect(acknowledged.size).toBe(MESSAGES);
  last.child.kill('SIGKILL');
  await last.exited;

  await using db = await openDatabase({ dataDir: database });
  await using messaging = createMessaging({
    store: postgresStore(db),
    pollInterval: '50ms',
    webhooks: {
      secrets: [SECRET],
      allowNetworks: ['127.0.0.0/8'],
      retry: { schedule: ['100ms', '1s'], floor: '10ms' },
    },
  });
  await messaging.init();
  messaging.start();
  const admin = new MessagingAdmin(messaging);
  await settled(admin);

  const messages: Message[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof admin.listMessages>> = await admin.listMessages(
      {},
      { limit: 500, cursor },
    );
    messages.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== null);

  expect(contradictions).toEqual([]);
  expect(messages.length).toBe(MESSAGES);
  const byId = new Map(messages.map((message) => [message.id, message]));
  expect([...acknowledged.values()].filter((id) => !byId.has(id))).toEqual([]);
  expect(messages.filter(({ status }) => status !== 'responded' && status !== 'escalated')).toEqual(
    [],
  );
  expect(messages.filter(({ delivery }) => delivery?.status !== 'delivered')).toEqual([]);

  for (const received of receiver.received) verify(received);
  const idsOf = new Map<string, Set<string>>();
  for (const { id, event } of receiver.received) {
    idsOf.set(event.data.message_id, (idsOf.get(event.data.message_id) ?? new Set()).add(id));
  }
  expect(idsOf.size).toBe(MESSAGES);
  expect([...idsOf.values()].filter((ids) => ids.size !== 1)).toEqual([]);
  const bodies = new Map<string, Set<string>>();
  for (const { id, body } of receiver.received)
    bodies.set(id, (bodies.get(id) ?? new Set()).add(body));
  expect([...bodies.values()].filter((all) => all.size !== 1)).toEqual([]);

  const greetings = messages.filter(({ replies }) =>
    replies.some(({ purpose }) => purpose === 'greeting'),
  );
  expect(greetings.length).toBe(CLIENTS);
  expect(new Set(greetings.map(({ sessionId }) => sessionId)).size).toBe(CLIENTS);
}, 180_000);
