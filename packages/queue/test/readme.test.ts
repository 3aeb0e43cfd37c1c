import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { testDatabases } from '@holdfast/sql/testing';
import { afterAll, describe, expect, it, vi } from 'vitest';

const guides = new URL('../../../docs/guides/queue/', import.meta.url);
const pages = [
  new URL('../README.md', import.meta.url),
  ...(await readdir(guides)).map((name) => new URL(name, guides)),
];
const folder = await mkdtemp(join(fileURLToPath(new URL('.', import.meta.url)), '.readme-'));
const examples: { page: string; number: number; code: string; file: string }[] = [];
for (const page of pages) {
  const text = await readFile(page, 'utf8');
  const name = basename(page.pathname);
  for (const [at, [, code = '']] of [...text.matchAll(/^```ts\n(.*?)^```$/gms)].entries()) {
    const file = join(folder, `${name}-${at + 1}.ts`);
    await writeFile(file, code);
    examples.push({ page: name, number: at + 1, code, file });
  }
}
const definesTests = ({ code }: { code: string }): boolean => code.includes("from 'vitest'");
const needsServer = ({ code }: { code: string }): boolean => code.includes('DATABASE_URL');
const postgres = testDatabases().find(({ name }) => name === 'postgres');

afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs an example; what a comment after console.log promises is what comes out. */
async function run({ code, file }: { code: string; file: string }): Promise<void> {
  const printed: unknown[][] = [];
  const log = vi.spyOn(console, 'log').mockImplementation((...values) => void printed.push(values));
  try {
    await import(/* @vite-ignore */ file);
    const promised = [...code.matchAll(/console\.log\((?:.*)\); \/\/ ([\w, ]+)$/gm)].map(
      ([, text]) => text,
    );
    const texts = printed.map((values) => values.flat().map(String).join(' '));
    for (const text of promised) expect(texts).toContain(text?.replaceAll(',', ''));
  } finally {
    log.mockRestore();
  }
}

const plain = examples.filter((example) => !definesTests(example) && !needsServer(example));
it.each(plain)('example $number of $page runs', run);

describe.skipIf(postgres?.available !== true)('on a server', () => {
  it.each(examples.filter(needsServer))('example $number of $page runs', async (example) => {
    const db = await postgres?.open();
    const rows = (await db?.query<{ name: string }>('select current_database() as name'))?.rows;
    const url = new URL(process.env.TEST_POSTGRES_URL ?? '');
    url.pathname = `/${rows?.[0]?.name}`;
    vi.stubEnv('DATABASE_URL', url.href);
    try {
      await run(example);
    } finally {
      vi.unstubAllEnvs();
      await db?.close();
    }
  });
});

for (const example of examples.filter(definesTests)) {
  describe(`the tests of example ${example.number} of ${example.page}`, async () => {
    await import(/* @vite-ignore */ example.file);
  });
}
