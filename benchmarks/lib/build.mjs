import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Builds packages of the repository, with what they depend on. */
export function build(packages) {
  const filters = packages.map((name) => `--filter=${name}...`);
  const args = ['turbo', 'run', 'build', ...filters, '--output-logs=errors-only'];
  const { status } = spawnSync('npx', args, {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    stdio: ['ignore', 2, 2], // stdout belongs to --json
    shell: process.platform === 'win32',
  });
  if (status !== 0) throw new Error(`building ${packages.join(', ')} failed`);
}
