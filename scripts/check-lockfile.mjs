// Fails when package-lock.json would break `npm ci` somewhere: a platform binary that the lockfile
// does not list, a registry host written into it, or an install script nobody has reviewed.
import { readFileSync } from 'node:fs';

const readJson = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
const { packages } = readJson('../package-lock.json');
const { allowScripts = {} } = readJson('../package.json');
const SEGMENT = '/node_modules/';

/** Node's own resolution: the package's node_modules first, then every parent's. */
function isLocked(from, name) {
  for (let dir = `/${from}`; ; dir = dir.slice(0, dir.lastIndexOf(SEGMENT))) {
    if (`${dir}${SEGMENT}${name}`.slice(1) in packages) return true;
    if (!dir.includes(SEGMENT)) return `node_modules/${name}` in packages;
  }
}

const problems = [];
for (const [path, entry] of Object.entries(packages)) {
  const name = path.split('node_modules/').at(-1);
  for (const optional of Object.keys(entry.optionalDependencies ?? {})) {
    if (!isLocked(path, optional))
      problems.push(`${path}@${entry.version}: ${optional} is not locked`);
  }
  if (entry.hasInstallScript && !(name in allowScripts)) {
    problems.push(`${path}: install script not reviewed in package.json#allowScripts`);
  }
  if (entry.resolved?.startsWith('http')) problems.push(`${path}: registry host in the lockfile`);
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;
