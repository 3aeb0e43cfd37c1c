// `npm run bench -- <package>`: installs the rivals when needed, then measures under Node 24, which some of them need.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('.', import.meta.url));

/** npm writes this file last, so it is older than the lockfile when something is to be installed. */
function isInstalled() {
  const written = join(folder, 'node_modules', '.package-lock.json');
  if (!existsSync(written)) return false;
  return statSync(written).mtimeMs >= statSync(join(folder, 'package-lock.json')).mtimeMs;
}

function install() {
  console.error('installing the rivals (once)');
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  // stdout belongs to --json
  const { status } = spawnSync(npm, args, {
    cwd: folder,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (status !== 0) process.exit(status ?? 1);
}

/** The Node of the package for this platform; this one when it is as new. */
function node24() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const require = createRequire(join(folder, 'package.json'));
  const system = process.platform === 'win32' ? 'win' : process.platform;
  for (const prefix of ['node', 'node-bin']) {
    try {
      const manifest = require.resolve(`${prefix}-${system}-${process.arch}/package.json`);
      return join(dirname(manifest), require(manifest).bin.node);
    } catch {
      // no such package for this platform
    }
  }
  if (major > 24 || (major === 24 && minor >= 2)) return process.execPath;
  console.error('There is no Node 24 package for this platform: run this with Node 24.2 or newer.');
  return process.exit(1);
}

if (!isInstalled()) install();
const main = spawn(node24(), [join(folder, 'lib', 'main.mjs'), ...process.argv.slice(2)], {
  stdio: 'inherit',
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => main.kill(signal));
main.on('exit', (code) => process.exit(code ?? 1));
