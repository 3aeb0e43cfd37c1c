import { createRequire } from 'node:module';

/** The package's version as published; undefined when bundled away from its package.json. */
export const VERSION: string | undefined = read();

function read(): string | undefined {
  try {
    const manifest: { version?: unknown } = createRequire(import.meta.url)('../package.json');
    return typeof manifest.version === 'string' ? manifest.version : undefined;
  } catch {
    return undefined;
  }
}
