// Puts the template of a fresh embedded cluster into the build. It is made once a checkout and PGlite version.
import { copyFileSync, existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildTemplate, templateCache } from '../dist/pglite/template.js';

const cached = templateCache();
if (!existsSync(cached)) await buildTemplate(cached);
copyFileSync(cached, join(fileURLToPath(new URL('../dist/', import.meta.url)), basename(cached)));
