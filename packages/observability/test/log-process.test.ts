import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'tsup';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseLines } from './support/lines.js';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-log-'));
  await build({
    entry: [fileURLToPath(new URL('./fixtures/dying-process.ts', import.meta.url))],
    format: 'cjs',
    outDir: folder,
    noExternal: [/.*/],
    config: false,
    silent: true,
  });
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function runProcess(how: string, file?: string, readLate = false) {
  const args = [join(folder, 'dying-process.cjs'), how, ...(file === undefined ? [] : [file])];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  if (readLate) await new Promise((resolve) => child.stderr.once('readable', resolve));
  let text = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    errors += chunk;
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return {
    code,
    errors,
    lines: parseLines(file === undefined ? text : await readFile(file, 'utf8')),
  };
}

const numbers = (lines: readonly Record<string, unknown>[]): unknown[] =>
  lines.filter(({ n }) => n !== undefined).map(({ n }) => n);
const all = Array.from({ length: 2_000 }, (_, index) => index + 1);

it.each(['exit', 'natural end', 'turn-kill'])(
  'loses no line: %s, to a pipe and to a file',
  async (how) => {
    const piped = await runProcess(how);
    const filed = await runProcess(how, join(folder, `${how}.log`));
    expect(numbers(piped.lines)).toEqual(all);
    expect(numbers(filed.lines)).toEqual(all);
  },
);

it('writes a fatal line with the error when the process crashes, and lets it crash as before', async () => {
  const thrown = await runProcess('throw');
  expect(thrown.code).toBe(1);
  expect(thrown.errors).toContain('Error: boom');
  expect(numbers(thrown.lines)).toEqual(all);
  expect(thrown.lines.at(-1)).toMatchObject({
    level: 'fatal',
    origin: 'uncaughtException',
    err: { message: 'boom', cause: { message: 'why' } },
  });
  const rejected = await runProcess('reject');
  expect(rejected.code).toBe(1);
  expect(rejected.lines.at(-1)).toMatchObject({
    level: 'fatal',
    err: { message: 'nobody listens' },
  });
});

it('has written a fatal line when fatal() returns, even if SIGKILL follows at once', async () => {
  const { lines } = await runProcess('fatal-kill');
  expect(numbers(lines)).toEqual(all);
  expect(lines.at(-1)).toMatchObject({ level: 'fatal', msg: 'the end' });
});

it('holds lines back for a slow reader, and says how many were too many', async () => {
  const { code, lines } = await runProcess('flood', undefined, true);
  const written = numbers(lines);
  const dropped = lines.reduce((sum, line) => sum + Number(line.dropped ?? 0), 0);
  expect(code).toBe(0);
  expect(dropped).toBeGreaterThan(0);
  expect(written.length + dropped).toBe(100_000);
  expect([...written].sort((a, b) => Number(a) - Number(b))).toEqual(written);
});
