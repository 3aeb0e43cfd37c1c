import { readFileSync } from 'node:fs';

const manifest: { version: string } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
);

/** The server's name in logs, traces and responses. */
export const SERVICE = 'holdfast-server';

/** The server's version. */
export const VERSION: string = manifest.version;
