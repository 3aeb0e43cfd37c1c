import { readFileSync } from 'node:fs';

/** The instrumentation scope of everything this package records. */
export const PACKAGE_NAME = '@holdfast/observability';

/** This package's version; read from its manifest, which sits one folder above both the source and the build. */
export const PACKAGE_VERSION: string = readVersion();

function readVersion(): string {
  try {
    const manifest: unknown = JSON.parse(
      readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
    );
    if (typeof manifest === 'object' && manifest !== null && 'version' in manifest) {
      return String(manifest.version);
    }
  } catch {
    // a bundle has no manifest beside it
  }
  return 'unknown';
}
