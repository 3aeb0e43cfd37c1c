import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Hono } from 'hono';
import { HttpProblem } from './problem.js';
import { PROBLEM_KINDS, PROBLEMS_PATH } from './problem-kinds.js';
import type { ServerEnv } from './routes.js';

/** Nothing but this server's own files runs or is shown; Swagger UI's style sheet holds pictures as `data:`. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const PAGE_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'referrer-policy': 'no-referrer',
};

/** The files of Swagger UI that the page needs, each with its type. No other file can be asked for. */
const ASSETS: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};

const START_SCRIPT = `window.ui = SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#docs',
  deepLinking: true,
  validatorUrl: null,
  syntaxHighlight: false,
});
`;

const page = (title: string, head: string, body: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" type="image/png" href="/docs/assets/favicon-32x32.png">
${head}
</head>
<body>
${body}
</body>
</html>
`;

const DOCS_PAGE = page(
  'Holdfast API',
  '<link rel="stylesheet" href="/docs/assets/swagger-ui.css">',
  `<div id="docs"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/assets/start.js"></script>`,
);

const escapeHtml = (text: string): string =>
  text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);

const PROBLEMS_PAGE = page(
  'Problems of the Holdfast API',
  '',
  `<h1>Problems</h1>
<p>Every failed request is answered with an <code>application/problem+json</code> document (RFC 9457); its
<code>code</code> is one of these.</p>
${PROBLEM_KINDS.map(
  ({ code, status, title, advice }) => `<h2 id="${code}">${code}</h2>
<p>${status}: ${escapeHtml(title)}. ${escapeHtml(advice)}</p>`,
).join('\n')}`,
);

const directory = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
const loaded = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();

function asset(name: string): Promise<Uint8Array<ArrayBuffer>> {
  const known = loaded.get(name);
  if (known !== undefined) return known;
  const reading = readFile(join(directory, name)).then((bytes) => new Uint8Array(bytes));
  loaded.set(name, reading);
  reading.catch(() => loaded.delete(name));
  return reading;
}

/** Serves the documentation: Swagger UI from files of this machine, and the page of problems. */
export function docsPages(app: Hono<ServerEnv>): void {
  app.get('/docs', (c) => c.body(DOCS_PAGE, 200, PAGE_HEADERS));
  app.get(PROBLEMS_PATH, (c) => c.body(PROBLEMS_PAGE, 200, PAGE_HEADERS));
  app.get('/docs/assets/start.js', (c) =>
    c.body(START_SCRIPT, 200, { 'content-type': 'text/javascript; charset=utf-8' }),
  );
  app.get('/docs/assets/:name', async (c) => {
    const name = c.req.param('name');
    const type = Object.hasOwn(ASSETS, name) ? ASSETS[name] : undefined;
    if (type === undefined) throw new HttpProblem('ROUTE_NOT_FOUND', 'There is no such file');
    return c.body(await asset(name), 200, {
      'content-type': type,
      'cache-control': 'public, max-age=3600',
    });
  });
}
