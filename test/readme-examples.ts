import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A TypeScript example that stands by itself: it has an import of a package of the suite. */
export interface ReadmeExample {
  /** Such as `packages/queue/README.md:12`. */
  readonly place: string;
  readonly code: string;
  /** Whether it can be run here; what listens on a port, defines tests or needs a setting is only type-checked. */
  readonly runs: boolean;
}

const BLOCK = /^```ts\n([\s\S]*?)^```$/gm;
const NOT_RUN = /\.listen\(|from 'vitest'|process\.env/;
const OWN_IMPORT = /^import [\s\S]*? from '@holdfast\//m;

function examplesOf(root: string, file: string): ReadmeExample[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(BLOCK)].flatMap((match) => {
    const code = match[1] ?? '';
    if (!OWN_IMPORT.test(code)) return [];
    const line = text.slice(0, match.index).split('\n').length;
    return [{ place: `${file}:${line}`, code, runs: !NOT_RUN.test(code) }];
  });
}

/** The guides, each in the folder of its package, whose own tests run their examples. */
function guides(root: string): string[] {
  const pages = readdirSync(join(root, 'docs/guides'), { recursive: true, encoding: 'utf8' });
  return pages.filter((name) => name.endsWith('.md')).map((name) => `docs/guides/${name}`);
}

/** The examples of the root's README, of every package's, and of the guides. */
export function readmeExamples(root: string): ReadmeExample[] {
  const packages = readdirSync(join(root, 'packages')).map((name) => `packages/${name}/README.md`);
  const readmes = ['README.md', ...packages].flatMap((file) => examplesOf(root, file));
  const ofGuides = guides(root).flatMap((file) => examplesOf(root, file));
  return [...readmes, ...ofGuides.map((example) => ({ ...example, runs: false }))];
}
