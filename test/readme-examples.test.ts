import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { readmeExamples } from './readme-examples.js';

const root = fileURLToPath(new URL('..', import.meta.url));
// Inside the repository, so that the packages' names resolve to their source.
const parent = join(root, 'test/.readme-examples');
mkdirSync(parent, { recursive: true });
const dir = mkdtempSync(join(parent, 'run-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const examples = readmeExamples(root).map((example, i) => {
  const name = example.place.replaceAll(/[^a-z0-9]+/gi, '-');
  const file = join(dir, `${String(i).padStart(2, '0')}-${name}.ts`);
  writeFileSync(file, `${example.code}\nexport {};\n`);
  return { ...example, file };
});

describe('examples of READMEs and guides', () => {
  it('exist for every package', () => {
    expect(examples.length).toBeGreaterThanOrEqual(8);
    expect(examples.some(({ place }) => place.startsWith('docs/guides/queue/'))).toBe(true);
  });

  it('type-check as they stand', { timeout: 120_000 }, () => {
    writeFileSync(
      join(dir, 'tsconfig.json'),
      JSON.stringify({ extends: join(root, 'tsconfig.base.json'), include: ['*.ts'] }),
    );
    const tsc = join(root, 'node_modules/@typescript/native/bin/tsc');
    const { stdout } = spawnSync(process.execPath, [tsc, '-p', dir, '--noEmit'], {
      encoding: 'utf8',
      cwd: dir,
    });
    expect(stdout).toBe('');
  });

  it.each(examples.filter(({ runs }) => runs))('$place runs', async ({ file }) => {
    await import(/* @vite-ignore */ file);
  });
});
