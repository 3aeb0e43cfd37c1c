import { isBuiltin } from 'node:module';
import { type Import, importsOf, packageOf, resolveRelative } from './imports.js';
import type { Manifest, Workspace } from './project.js';

const SCOPE = '@holdfast/';
const SQL = '@holdfast/sql';

/** Libraries that talk to a service: a user who does not have the service must not need them. */
const CLIENTS = [
  'ioredis',
  'pg',
  '@electric-sql/pglite',
  'ws',
  'nodemailer',
  'grammy',
  'amqplib',
  'nats',
  '@nats-io/',
];

const isClient = (name: string) =>
  CLIENTS.some((client) => name === client || (client.endsWith('/') && name.startsWith(client)));

const isPostgresStore = (path: string) => /^src\/stores\/postgres\b/.test(path);
const isStore = (path: string) => path.startsWith('src/stores/');
const isServiceStore = (path: string) => /^src\/stores\/(redis|postgres|nats)\b/.test(path);
const isMemoryStore = (path: string) => /^src\/stores\/memory\b/.test(path);

interface FileImport extends Import {
  readonly file: string;
}

function allImports({ files }: Workspace): FileImport[] {
  return [...files].flatMap(([file, text]) =>
    importsOf(file, text).map((found) => ({ ...found, file })),
  );
}

/** The files that `entry` loads at run time, itself included; with `lazily`, also those behind `import()`. */
function reached(workspace: Workspace, entry: string, lazily: boolean): Set<string> {
  const seen = new Set<string>();
  const visit = (file: string) => {
    const text = workspace.files.get(file);
    if (text === undefined || seen.has(file)) return;
    seen.add(file);
    for (const { specifier, typeOnly, dynamic } of importsOf(file, text)) {
      if (specifier.startsWith('.') && !typeOnly && (lazily || !dynamic))
        visit(resolveRelative(file, specifier));
    }
  };
  visit(entry);
  return seen;
}

/** Features know nothing of one another; only Postgres stores need `@holdfast/sql` at run time. */
function siblingProblems(imports: readonly FileImport[], self: string): string[] {
  return imports.flatMap(({ file, specifier, typeOnly }) => {
    const name = packageOf(specifier);
    if (!name?.startsWith(SCOPE)) return [];
    if (name === self) return [`${file}: imports its own package by name (${specifier})`];
    if (name !== SQL || self === SQL) return [`${file}: imports ${specifier}, another package`];
    if (typeOnly || isPostgresStore(file)) return [];
    return [`${file}: loads ${SQL} at run time outside stores/postgres`];
  });
}

/** The main entry point works with nothing but the package's own dependencies. */
function indexProblems(workspace: Workspace, imports: readonly FileImport[]): string[] {
  const { name } = workspace.manifest;
  // The database package opens whichever engine it is asked for, so its index loads clients, but only when asked.
  const lazily = name !== SQL;
  const inIndex = reached(workspace, 'src/index.ts', lazily);
  // What the memory store is made of lies beside it; what another entry point of stores/ is made of does not count.
  const ofMemory = new Set(
    [...workspace.files.keys()]
      .filter(isMemoryStore)
      .flatMap((file) => [...reached(workspace, file, true)]),
  );
  const stores = [...inIndex].filter(
    (file) => isStore(file) && (isServiceStore(file) || !ofMemory.has(file)),
  );
  const clients = imports.filter(
    ({ file, specifier, typeOnly, dynamic }) =>
      inIndex.has(file) &&
      !typeOnly &&
      (lazily || !dynamic) &&
      isOptional(workspace.manifest, packageOf(specifier) ?? ''),
  );
  return [
    ...stores.map((file) => `src/index.ts: reaches ${file}`),
    ...clients.map(({ file, specifier }) => `src/index.ts: reaches ${specifier} through ${file}`),
  ];
}

const isOptional = (manifest: Manifest, name: string) =>
  isClient(name) || manifest.peerDependenciesMeta?.[name]?.optional === true;

/** What is imported is declared, and what is declared is imported. */
function dependencyProblems({ manifest }: Workspace, imports: readonly FileImport[]): string[] {
  const declared = new Set([
    ...Object.keys(manifest.dependencies ?? {}),
    ...Object.keys(manifest.peerDependencies ?? {}),
  ]);
  const used = new Set(imports.map(({ specifier }) => packageOf(specifier)));
  const undeclared = imports.flatMap(({ file, specifier }) => {
    const name = packageOf(specifier);
    if (name === undefined || name === manifest.name || declared.has(name)) return [];
    return isBuiltin(specifier)
      ? [`${file}: write node:${specifier}`]
      : [`${file}: ${name} is in neither dependencies nor peerDependencies`];
  });
  const unused = [...declared].filter((name) => !used.has(name));
  return [
    ...undeclared,
    ...unused.map((name) => `package.json: ${name} is declared and never imported`),
  ];
}

/** Client libraries are peers that only the users of that service install. */
function clientProblems({ manifest }: Workspace): string[] {
  const { dependencies = {}, peerDependencies = {}, peerDependenciesMeta = {} } = manifest;
  const forced = Object.keys(dependencies).filter(isClient);
  const required = Object.keys(peerDependencies).filter(
    (name) => isClient(name) && peerDependenciesMeta[name]?.optional !== true,
  );
  return [
    ...forced.map((name) => `package.json: ${name} must be an optional peer`),
    ...required.map((name) => `package.json: the peer ${name} must be optional`),
  ];
}

/** Relative imports name an existing file of the same package, as Node wants them written. */
function relativeProblems({ files }: Workspace, imports: readonly FileImport[]): string[] {
  return imports.flatMap(({ file, specifier }) => {
    if (!specifier.startsWith('.') || specifier.endsWith('.json')) return [];
    const target = resolveRelative(file, specifier);
    if (target.startsWith('..')) return [`${file}: ${specifier} leaves the package`];
    return files.has(target) ? [] : [`${file}: ${specifier} is not a file`];
  });
}

const PUBLIC = /^src\/(index|testing|schemas|stores\/(redis|postgres|nats))\.ts$/;

/** Each entry of `exports` has its source, its build output follows from it, and no public file lacks an entry. */
function exportProblems({ manifest, files }: Workspace): string[] {
  const entries = Object.entries(manifest.exports ?? {}).flatMap(([subpath, targets]) =>
    typeof targets === 'string' ? [] : [{ subpath, targets, source: sourceOf(targets) }],
  );
  const exported = new Set(entries.map(({ source }) => source));
  const missing = [...files.keys()].filter((file) => PUBLIC.test(file) && !exported.has(file));
  return [
    ...entries.flatMap(({ subpath, targets, source }) => {
      if (!files.has(source)) return [`package.json: ${subpath} has no source ${source}`];
      if (Object.keys(targets)[0] !== '@holdfast/source')
        return [`package.json: ${subpath} must name @holdfast/source first`];
      const built = `./${source.replace(/^src\//, 'dist/').replace(/\.ts$/, '')}`;
      const matches = targets.types === `${built}.d.ts` && targets.default === `${built}.js`;
      return matches ? [] : [`package.json: ${subpath} and ${source} do not match`];
    }),
    ...missing.map((file) => `package.json: ${file} is not exported`),
  ];
}

function sourceOf(targets: Readonly<Record<string, string>>): string {
  return targets['@holdfast/source']?.replace(/^\.\//, '') ?? '';
}

/** What a published package does against the rules of this repository. */
export function packageProblems(workspace: Workspace): string[] {
  const sources: Workspace = {
    manifest: workspace.manifest,
    files: new Map([...workspace.files].filter(([path]) => path.startsWith('src/'))),
  };
  const imports = allImports(sources);
  return [
    ...siblingProblems(imports, workspace.manifest.name),
    ...indexProblems(sources, imports),
    ...dependencyProblems(sources, imports),
    ...clientProblems(sources),
    ...relativeProblems(sources, imports),
    ...exportProblems(sources),
  ];
}

/** What an example does that a user of the published packages could not do. */
export function exampleProblems(example: Workspace, packages: readonly Workspace[]): string[] {
  const exportsOf = new Map(
    packages.map(({ manifest }) => [manifest.name, manifest.exports ?? {}]),
  );
  const imports = allImports(example);
  const { dependencies = {}, devDependencies = {} } = example.manifest;
  const problems = relativeProblems(example, imports);
  for (const { file, specifier, typeOnly } of imports) {
    const name = packageOf(specifier);
    if (name === undefined) continue;
    const known = exportsOf.get(name);
    if (known && !(`.${specifier.slice(name.length)}` in known))
      problems.push(`${file}: ${specifier} is not exported`);
    if (!(name in dependencies) && !(typeOnly && name in devDependencies))
      problems.push(`${file}: ${name} is not declared`);
  }
  return problems;
}
