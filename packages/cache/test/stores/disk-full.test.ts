import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { buildProgram } from '../support/program.js';

const run = promisify(execFile);

it.runIf(process.platform !== 'win32')(
  'a cache goes on without a disk that refuses what is written, and says so',
  async () => {
    const program = await buildProgram('disk-full');
    const path = await mkdtemp(join(tmpdir(), 'holdfast-full-'));
    // The limit of a shell's files stands for a full disk: both fail in the middle of a write.
    const script = 'ulimit -f 8; exec "$0" "$1" "$2"';
    const { stdout } = await run('sh', ['-c', script, process.execPath, program.path, path]);
    expect(JSON.parse(stdout)).toEqual({
      results: Array(5).fill('served'),
      circuit: 'open',
      failed: true,
      said: expect.arrayContaining(['cache store fails: going on without it']),
    });
    expect(await readdir(join(path, 'v1', 'new'))).toEqual([]);
    await rm(path, { recursive: true, force: true });
    await program.remove();
  },
);
