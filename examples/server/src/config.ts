import { isIP } from 'node:net';
import { z } from 'zod';

/** A length of time as the packages take it, such as `20s`. */
export type DurationText = `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

/** What this process does. */
export type Role = 'all' | 'api' | 'worker';

/** Smallest and largest size that `BODY_LIMIT` may set, in bytes. */
const BODY_LIMIT_RANGE = { min: 1_024, max: 1_048_576 } as const;
const MIN_API_KEY_CHARS = 16;
/** Shortest and longest secret in bytes, as Standard Webhooks asks. */
const SECRET_BYTES = { min: 24, max: 64 } as const;
/** Variables whose value is never printed. */
const SECRET_VARIABLES: ReadonlySet<string> = new Set([
  'API_KEYS',
  'DATABASE_URL',
  'NATS_URL',
  'OPERATOR_WEBHOOK_URL',
  'REDIS_URL',
  'WEBHOOK_SECRET',
]);
const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
/** Names of levels that other systems use for ours. */
const LEVEL_ALIASES: Readonly<Record<string, string>> = { warning: 'warn', critical: 'fatal' };

const splitList = (text: string): string[] =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

const integer = (min: number, max: number, fallback: number) =>
  z
    .string()
    .optional()
    .transform((text) => (text === undefined ? fallback : Number(text)))
    .refine((value) => Number.isInteger(value) && value >= min && value <= max, {
      error: `must be a whole number from ${min} to ${max}`,
    });

const url = (protocols: readonly string[]) =>
  z
    .string()
    .optional()
    .refine((text) => text === undefined || hasProtocol(text, protocols), {
      error: `must be a URL that starts with ${protocols.map((name) => `${name}//`).join(' or ')}`,
    });

const list = (rule: string, accepts: (item: string) => boolean) =>
  z
    .string()
    .optional()
    .transform((text) => splitList(text ?? ''))
    .refine((items) => items.every(accepts), { error: rule });

function hasProtocol(text: string, protocols: readonly string[]): boolean {
  return URL.canParse(text) && protocols.includes(new URL(text).protocol);
}

function isNetwork(text: string): boolean {
  const [address = '', bits = '', ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0 || !/^\d{1,3}$/.test(bits)) return false;
  return Number(bits) <= (family === 4 ? 32 : 128);
}

/** Whether the text is a signing secret of Standard Webhooks. */
export function isWebhookSecret(text: string): boolean {
  const encoded = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text)?.[1];
  if (encoded === undefined) return false;
  const bytes = Buffer.from(encoded, 'base64').length;
  return bytes >= SECRET_BYTES.min && bytes <= SECRET_BYTES.max;
}

/** Whether the address is reached from this machine alone. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

const isHost = (text: string): boolean => isIP(text) !== 0 || /^[A-Za-z0-9.-]{1,253}$/.test(text);

const level = z
  .string()
  .default('info')
  .transform((text) => LEVEL_ALIASES[text.toLowerCase()] ?? text.toLowerCase())
  .pipe(z.enum(LEVELS, { error: `must be one of ${LEVELS.join(', ')}` }));

const duration = (fallback: DurationText) =>
  z
    .string()
    .default(fallback)
    .refine((text): text is DurationText => /^\d+(?:\.\d+)?(?:ms|s|m|h)$/.test(text), {
      error: 'must be a number with a unit, such as 500ms, 20s or 2m',
    })
    .transform((text) => text as DurationText);

/** The variables that the server reads, each with its rule. An empty variable counts as one that is not set. */
const environmentSchema = z.object({
  PORT: integer(0, 65_535, 8_000),
  HOST: z.string().default('127.0.0.1').refine(isHost, {
    error: 'must be an IP address or a host name',
  }),
  ROLE: z.enum(['all', 'api', 'worker'], { error: 'must be all, api or worker' }).default('all'),
  DATA_DIR: z.string().default('.data'),
  DATABASE_URL: url(['postgres:', 'postgresql:']),
  DATABASE_POOL_SIZE: integer(2, 500, 15),
  REDIS_URL: url(['redis:', 'rediss:']),
  NATS_URL: url(['nats:', 'tls:']),
  LOG_LEVEL: level,
  ENVIRONMENT: z
    .string()
    .default('development')
    .refine((text) => /^[A-Za-z0-9._-]{1,64}$/.test(text), {
      error: 'must be 1 to 64 of letters, digits, dot, underscore and hyphen',
    }),
  API_KEYS: list(
    `must be keys of at least ${MIN_API_KEY_CHARS} visible ASCII characters, joined by commas`,
    (key) => key.length >= MIN_API_KEY_CHARS && /^[\x21-\x7e]+$/.test(key),
  ),
  WEBHOOK_SECRET: list(
    `must be whsec_ and ${SECRET_BYTES.min} to ${SECRET_BYTES.max} bytes in base64; several are joined by commas`,
    isWebhookSecret,
  ),
  WEBHOOK_ALLOW_NETWORKS: list(
    'must be networks in CIDR notation, such as 127.0.0.0/8, joined by commas',
    isNetwork,
  ),
  OPERATOR_WEBHOOK_URL: url(['http:', 'https:']),
  BODY_LIMIT: integer(BODY_LIMIT_RANGE.min, BODY_LIMIT_RANGE.max, 65_536),
  SHUTDOWN_DEADLINE: duration('20s'),
  SHUTDOWN_DRAIN_DELAY: duration('0s'),
});

type Environment = z.output<typeof environmentSchema>;

/** Everything that the server needs to know to start. */
export interface Config {
  readonly port: number;
  readonly host: string;
  readonly role: Role;
  readonly dataDir: string;
  readonly databaseUrl: string | undefined;
  /** Most connections to the database server. */
  readonly databasePoolSize: number;
  readonly redisUrl: string | undefined;
  /** Checked, and told of in the log; nothing uses NATS so far. */
  readonly natsUrl: string | undefined;
  readonly logLevel: (typeof LEVELS)[number];
  readonly environment: string;
  /** Keys that callers may show; none: everybody on this machine may call. */
  readonly apiKeys: readonly string[];
  /** Empty: the server makes its own and keeps it in the data directory. */
  readonly webhookSecrets: readonly string[];
  readonly webhookAllowNetworks: readonly string[];
  readonly operatorWebhookUrl: string | undefined;
  /** Most bytes of a request's body. */
  readonly bodyLimit: number;
  readonly shutdownDeadline: DurationText;
  /** Time between failing readiness and taking no more connections. */
  readonly shutdownDrainDelay: DurationText;
}

/** One variable that broke a rule. */
export interface ConfigProblem {
  readonly variable: string;
  readonly rule: string;
  /** What was found, as it may be printed. */
  readonly received: string;
}

/** The environment does not make a configuration. `problems` names everything that is wrong with it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    const lines = problems.map((p) => `  ${p.variable} ${p.rule} (received ${p.received})`);
    const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
    super(`The server cannot start: ${count} in its environment\n${lines.join('\n')}`);
    this.problems = problems;
  }
}

/** What was received, without showing a secret. */
function shown(variable: string, value: string | undefined): string {
  if (value === undefined) return 'nothing';
  if (SECRET_VARIABLES.has(variable)) return `a value of ${value.length} characters, not shown`;
  const short = value.length > 100 ? `${value.slice(0, 100)}…` : value;
  return JSON.stringify(short);
}

type Variables = Readonly<Record<string, string | undefined>>;

/** Rules about several variables. They look at the text, so they are checked beside the rules of single variables. */
function crossProblems(env: Variables): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const add = (variable: string, rule: string): void => {
    problems.push({ variable, rule, received: shown(variable, env[variable]) });
  };
  if (env.DATABASE_URL !== undefined && env.WEBHOOK_SECRET === undefined) {
    add('WEBHOOK_SECRET', 'must be set with DATABASE_URL: all processes sign with the same secret');
  }
  if (env.DATABASE_URL === undefined && (env.ROLE === 'api' || env.ROLE === 'worker')) {
    add(
      'DATABASE_URL',
      `must be set with ROLE=${env.ROLE}: the embedded database is for one process`,
    );
  }
  if (env.HOST !== undefined && !isLoopback(env.HOST) && env.API_KEYS === undefined) {
    add('API_KEYS', `must be set when HOST is not a loopback address (HOST is ${env.HOST})`);
  }
  return problems;
}

/**
 * Reads the configuration.
 *
 * @throws ConfigError that names every problem at once
 */
export function readConfig(source: Variables = process.env): Config {
  const names = Object.keys(environmentSchema.shape);
  const env: Record<string, string | undefined> = {};
  for (const name of names) env[name] = source[name]?.trim() || undefined;
  const result = environmentSchema.safeParse(env);
  const problems = [
    ...(result.error?.issues ?? []).map((issue) => {
      const variable = String(issue.path[0]);
      return { variable, rule: issue.message, received: shown(variable, env[variable]) };
    }),
    ...crossProblems(env),
  ];
  if (!result.success || problems.length > 0) throw new ConfigError(problems);
  return toConfig(result.data);
}

function toConfig(env: Environment): Config {
  return {
    port: env.PORT,
    host: env.HOST,
    role: env.ROLE,
    dataDir: env.DATA_DIR,
    databaseUrl: env.DATABASE_URL,
    databasePoolSize: env.DATABASE_POOL_SIZE,
    redisUrl: env.REDIS_URL,
    natsUrl: env.NATS_URL,
    logLevel: env.LOG_LEVEL,
    environment: env.ENVIRONMENT,
    apiKeys: env.API_KEYS,
    webhookSecrets: env.WEBHOOK_SECRET,
    webhookAllowNetworks: env.WEBHOOK_ALLOW_NETWORKS,
    operatorWebhookUrl: env.OPERATOR_WEBHOOK_URL,
    bodyLimit: env.BODY_LIMIT,
    shutdownDeadline: env.SHUTDOWN_DEADLINE,
    shutdownDrainDelay: env.SHUTDOWN_DRAIN_DELAY,
  };
}
