import { createRequire } from 'node:module';

/** Version of this package, as tracing names it. */
export const VERSION: string = createRequire(import.meta.url)('../package.json').version;
