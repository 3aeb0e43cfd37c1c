import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'tsup';

/** A program of TypeScript made ready to be run by `node`. */
export interface Program {
  readonly path: string;
  remove(): Promise<void>;
}

/** Bundles `programs/<name>.ts`. */
export async function buildProgram(name: string): Promise<Program> {
  // Below node_modules, so that the bundle finds what it leaves out.
  const folder = fileURLToPath(
    new URL(`../../../../node_modules/.cache/cache-${name}-${process.pid}`, import.meta.url),
  );
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), '{ "version": "0.0.0" }');
  await build({
    entry: [fileURLToPath(new URL(`../programs/${name}.ts`, import.meta.url))],
    format: 'esm',
    outDir: join(folder, 'dist'),
    external: ['ioredis', 'lru-cache', 'cockatiel', 'zod', /^@opentelemetry\//],
    outExtension: () => ({ js: '.mjs' }),
    config: false,
    silent: true,
  });
  return {
    path: join(folder, 'dist', `${name}.mjs`),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
