// Packs every published package, installs the tarballs into an empty project and uses them the way
// a stranger would: strict TypeScript without skipLibCheck, `import`, and `require` from CommonJS.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'consumer-'));
const npm = (args, cwd) =>
  execFileSync('npm', args, {
    cwd,
    encoding: 'utf8',
    shell: process.platform === 'win32',
    stdio: ['ignore', 'pipe', 'inherit'],
  });

try {
  const tarballs = [];
  const entries = [];
  const peers = {};
  for (const name of readdirSync(join(root, 'packages'))) {
    const manifest = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8'));
    if (manifest.private) continue;
    const packed = JSON.parse(
      npm(['pack', '--json', '--pack-destination', dir], join(root, 'packages', name)),
    );
    const [{ filename }] = Array.isArray(packed) ? packed : Object.values(packed);
    tarballs.push(join(dir, filename));
    Object.assign(peers, manifest.peerDependencies);
    for (const subpath of Object.keys(manifest.exports)) {
      if (!subpath.endsWith('.json')) entries.push(manifest.name + subpath.slice(1));
    }
  }
  writeFileSync(join(dir, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  const peerSpecs = Object.entries(peers).map(([name, range]) => `${name}@${range}`);
  npm(['install', '--no-audit', '--no-fund', '@types/node@20', ...peerSpecs, ...tarballs], dir);
  const uses = entries.map((entry, i) => `import * as m${i} from '${entry}';\nexport { m${i} };\n`);
  writeFileSync(join(dir, 'esm.mts'), uses.join(''));
  writeFileSync(join(dir, 'cjs.cts'), uses.join(''));
  writeFileSync(
    join(dir, 'esm.mjs'),
    entries.map((entry) => `await import('${entry}');\n`).join(''),
  );
  writeFileSync(join(dir, 'cjs.cjs'), entries.map((entry) => `require('${entry}');\n`).join(''));
  const run = (args) => execFileSync(process.execPath, args, { cwd: dir, stdio: 'inherit' });
  run([
    join(root, 'node_modules/@typescript/native/bin/tsc'),
    '--noEmit',
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'es2023',
    '--types',
    'node',
    'esm.mts',
    'cjs.cts',
  ]);
  run(['esm.mjs']);
  run(['cjs.cjs']);
  console.log(
    `${entries.length} entry points type-check and load from ESM and CommonJS on ${process.version}`,
  );
} finally {
  rmSync(dir, { recursive: true, force: true });
}
