// Packs every published package, installs the tarballs into empty projects and uses them the way a stranger would:
// strict TypeScript without skipLibCheck, `import`, and `require` from CommonJS. First without any optional peer, where
// the entry points that need none must work; then with all of them. Needs a build.
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'holdfast-consumer-'));
const SCOPE = '@holdfast/';

const npm = (args, cwd) =>
  execFileSync('npm', args, {
    cwd,
    encoding: 'utf8',
    shell: process.platform === 'win32',
    stdio: ['ignore', 'pipe', 'inherit'],
  });

/** A packed package and what using it takes. */
function pack(folder) {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const {
    name,
    exports,
    peerDependencies = {},
    peerDependenciesMeta = {},
    devDependencies = {},
  } = manifest;
  const entries = Object.keys(exports).filter((subpath) => !subpath.endsWith('.json'));
  for (const subpath of entries) {
    for (const file of [exports[subpath].types, exports[subpath].default]) {
      if (!existsSync(join(folder, file)))
        throw new Error(`${name}: ${file} is missing; run npm run build`);
    }
  }
  const packed = JSON.parse(npm(['pack', '--json', '--pack-destination', dir], folder));
  const [{ filename }] = Array.isArray(packed) ? packed : Object.values(packed);
  // A sibling comes from its own tarball, never from the registry.
  const peers = Object.entries(peerDependencies).filter(([peer]) => !peer.startsWith(SCOPE));
  const isOptional = ([peer]) => peerDependenciesMeta[peer]?.optional === true;
  const spec = ([peer, range]) => `${peer}@${range}`;
  const types = Object.entries(devDependencies).filter(
    ([peer]) => peer.startsWith('@types/') && peer !== '@types/node',
  );
  return {
    tarball: join(dir, filename),
    entries: entries.map((subpath) => name + subpath.slice(1)),
    required: peers.filter((peer) => !isOptional(peer)).map(spec),
    optional: [...peers.filter(isOptional), ...types].map(spec),
  };
}

/** Installs into a new project and loads the entry points in every way. */
function use(label, dependencies, entries) {
  const project = join(dir, label);
  mkdirSync(project);
  const write = (file, text) => writeFileSync(join(project, file), text);
  write('package.json', JSON.stringify({ private: true, type: 'module' }));
  npm(['install', '--no-audit', '--no-fund', '@types/node@20', ...new Set(dependencies)], project);
  const typed = entries.map(
    (entry, i) => `import * as m${i} from '${entry}';\nexport { m${i} };\n`,
  );
  write('esm.mts', typed.join(''));
  write('cjs.cts', typed.join(''));
  write('esm.mjs', entries.map((entry) => `await import('${entry}');\n`).join(''));
  write('cjs.cjs', entries.map((entry) => `require('${entry}');\n`).join(''));
  const node = (args) => execFileSync(process.execPath, args, { cwd: project, stdio: 'inherit' });
  const tsc = join(root, 'node_modules/@typescript/native/bin/tsc');
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023'];
  node([tsc, ...options, '--types', 'node', 'esm.mts', 'cjs.cts']);
  node(['esm.mjs']);
  node(['cjs.cjs']);
  console.log(
    `${label}: ${entries.length} entry points type-check and load from ESM and CommonJS on ${process.version}`,
  );
}

/** Entry points of a store need its client library, and random tests fast-check; every other one must do without. */
const needsNoPeer = (entry) => !/\/(postgres|redis|nats|model)$/.test(entry);

try {
  const packages = readdirSync(join(root, 'packages'))
    .map((name) => join(root, 'packages', name))
    .filter((folder) => existsSync(join(folder, 'package.json')))
    .map(pack);
  const entries = packages.flatMap((each) => each.entries);
  const base = packages.flatMap((each) => [...each.required, each.tarball]);
  const optional = packages.flatMap((each) => each.optional);
  use('without-optional-peers', base, entries.filter(needsNoPeer));
  use('with-optional-peers', [...base, ...optional], entries);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  rmSync(dir, { recursive: true, force: true });
}
