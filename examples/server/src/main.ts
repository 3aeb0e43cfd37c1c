import { type Config, ConfigError, readConfig } from './config.js';
import { type RunningServer, startServer } from './server.js';

const EXIT_CONFIGURATION = 2;
const PARENT_WATCH_MS = 500;

function fail(message: string, code: number): never {
  process.stderr.write(`${message}\n`);
  process.exit(code);
}

function configuration(): Config {
  try {
    return readConfig();
  } catch (error) {
    if (error instanceof ConfigError) fail(error.message, EXIT_CONFIGURATION);
    throw error;
  }
}

/**
 * `npm start` puts a shell between npm and the server, and the shell ends without telling it when npm is stopped. So
 * the server looks whether its parent is still there; started in another way, it may outlive whoever started it.
 */
function watchParent(server: RunningServer): void {
  if (process.env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    void server.shutdown('the process that started the server ended');
  }, PARENT_WATCH_MS);
  watch.unref();
}

/** One line for programs that read the log, and a few for people who look at a terminal. */
function announce(config: Config, server: RunningServer): void {
  const { url, logger, webhookSecretSource } = server;
  const docs = config.role === 'worker' ? undefined : `${url}/docs`;
  const place = { role: config.role, url, docs, webhook_secret_in: webhookSecretSource };
  logger.info(place, 'listening');
  if (config.natsUrl !== undefined) {
    logger.warn({}, 'NATS_URL is set, but nothing uses NATS so far');
  }
  if (!process.stdout.isTTY) return;
  logger.flush();
  const lines = [
    `  Holdfast listens on ${url} (ROLE=${config.role})`,
    ...(docs === undefined ? [] : [`  Documentation:  ${docs}`]),
    `  Webhook secret: in ${webhookSecretSource}`,
  ];
  process.stdout.write(`\n${lines.join('\n')}\n\n`);
}

async function main(): Promise<void> {
  const config = configuration();
  const server = await startServer(config);
  watchParent(server);
  announce(config, server);
}

main().catch((error: unknown) => {
  if (error instanceof ConfigError) fail(error.message, EXIT_CONFIGURATION);
  const { code, message } = error as { code?: unknown; message?: unknown };
  fail(
    `The server cannot start: ${String(message ?? error)}${code === undefined ? '' : ` (${String(code)})`}`,
    1,
  );
});
