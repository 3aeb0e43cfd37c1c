// Lets a plain `node` child process run the TypeScript sources: `.js` in an import means the `.ts` beside it.
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The compiler takes a second to load: what one process compiled, the next ones read from here. */
const cache = process.env.TYPESCRIPT_CACHE;

async function compile(text, fileName) {
  const { default: ts } = await import('typescript');
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
  return ts.transpileModule(text, { compilerOptions, fileName }).outputText;
}

export async function resolve(specifier, context, next) {
  const relative = specifier.startsWith('.') && context.parentURL?.endsWith('.ts');
  return next(relative ? specifier.replace(/\.js$/, '.ts') : specifier, context);
}

export async function load(url, context, next) {
  if (!url.endsWith('.ts')) return next(url, context);
  const text = await readFile(fileURLToPath(url), 'utf8');
  const cached = join(cache, `${createHash('sha256').update(text).digest('hex')}.mjs`);
  const source = await readFile(cached, 'utf8').catch(async () => {
    const compiled = await compile(text, url);
    await writeFile(cached, compiled);
    return compiled;
  });
  return { format: 'module', source, shortCircuit: true };
}
