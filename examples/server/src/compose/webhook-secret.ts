import { randomBytes } from 'node:crypto';
import { chmod, link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Config, ConfigError, isWebhookSecret } from '../config.js';

const SECRET_BYTES = 32;

/** The secrets that webhooks are signed with, and where they come from. */
export interface WebhookSecrets {
  readonly secrets: readonly string[];
  /** In words, for the line printed at start. The secret itself is printed nowhere. */
  readonly source: string;
}

/** Takes the secrets of the environment, or makes one and keeps it beside the embedded database. */
export async function composeWebhookSecrets(
  config: Pick<Config, 'webhookSecrets' | 'dataDir'>,
): Promise<WebhookSecrets> {
  if (config.webhookSecrets.length > 0) {
    return { secrets: config.webhookSecrets, source: 'the variable WEBHOOK_SECRET' };
  }
  const path = join(config.dataDir, 'webhook-secret');
  await mkdir(config.dataDir, { recursive: true });
  const secret = (await readSecret(path)) ?? (await makeSecret(path));
  if (!isWebhookSecret(secret)) {
    const rule = 'must be whsec_ and 24 to 64 bytes in base64; delete it to get a new one';
    throw new ConfigError([{ variable: path, rule, received: 'something else, not shown' }]);
  }
  return { secrets: [secret], source: `the file ${path}` };
}

async function readSecret(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Writes it whole under another name first: a crash, or a second process, never leaves half a secret. */
async function makeSecret(path: string): Promise<string> {
  const secret = `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`;
  const draft = `${path}.${process.pid}.new`;
  await writeFile(draft, `${secret}\n`, { mode: 0o600, flush: true });
  await chmod(draft, 0o600);
  try {
    await link(draft, path);
    return secret;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return (await readSecret(path)) ?? secret;
  } finally {
    await rm(draft, { force: true });
  }
}
