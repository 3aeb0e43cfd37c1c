import { isatty } from 'node:tty';
import { context, trace } from '@opentelemetry/api';
import { type Logger as PinoLogger, pino, stdTimeFunctions } from 'pino';
import { textOption } from './checks.js';
import { installContext } from './context-manager.js';
import { type LogDestination, STDOUT, stdoutDestination } from './log-destination.js';
import { plainFields } from './log-fields.js';
import { LEVEL_VALUES, LevelTable, type LogLevel, type Threshold } from './log-levels.js';
import { prettyDestination } from './log-pretty.js';
import { maskSecrets } from './log-redaction.js';
import { flushAtEnd } from './process-end.js';
import { currentRequestId } from './request-id.js';

/** What every package of the suite logs to: pino, {@link AppLogger}, or anything with these four methods. */
export interface Logger {
  /** Writes a line that matters while looking for a fault. */
  debug(fields: object, message: string): void;
  /** Writes a line about the normal course of things. */
  info(fields: object, message: string): void;
  /** Writes a line about something that went wrong and was dealt with. */
  warn(fields: object, message: string): void;
  /** Writes a line about something that failed. */
  error(fields: object, message: string): void;
}

/** One level's method. An `Error` given as the fields is logged under `err`. */
export interface LogMethod {
  (fields: object, message?: string): void;
  (message: string): void;
}

/** The application's logger. */
export interface AppLogger extends Logger {
  /** Writes a line about every step, for the closest look. */
  readonly trace: LogMethod;
  readonly debug: LogMethod;
  readonly info: LogMethod;
  readonly warn: LogMethod;
  readonly error: LogMethod;
  /** Writes a line at level `fatal` and returns once it is written. */
  readonly fatal: LogMethod;
  /** A logger that adds `bindings` to each line; `module` among them decides which level applies. */
  child(bindings: object): AppLogger;
  /** The level in force for `module`, or in general. */
  level(module?: string): LogLevel;
  /**
   * Changes the level at run time, in every logger made from this one: of one `module`, or of everything that has no
   * level of its own. `inherit` gives a module the general level again.
   */
  setLevel(level: LogLevel | 'inherit', module?: string): void;
  /** Writes what is still in memory. It is called by itself when the process ends or crashes. */
  flush(): void;
  /** Flushes, and no longer reports crashes. Lines after it are still written. Idempotent. */
  close(): Promise<void>;
}

/** Options of {@link createLogger}. */
export interface LoggerOptions {
  /** Name of the service, in each line. */
  service: string;
  /**
   * Version of the service, in each line.
   * @defaultValue not written
   */
  version?: string;
  /**
   * Where the service runs (`production`, `staging`), in each line.
   * @defaultValue not written
   */
  environment?: string;
  /** @defaultValue `'info'` */
  level?: LogLevel;
  /**
   * Levels of single modules: the `module` bound by {@link AppLogger.child}.
   * @defaultValue all as `level`
   */
  levels?: Readonly<Record<string, LogLevel>>;
  /** @defaultValue the standard output */
  destination?: LogDestination;
  /**
   * Readable lines instead of JSON.
   * @defaultValue whether the standard output is a terminal and `destination` is not given
   */
  pretty?: boolean;
  /**
   * Replaces secrets by `[redacted]`: values under names such as password, token, secret, authorization, cookie or
   * apiKey at any depth and in any spelling, passwords in URLs, bearer tokens and `whsec_` secrets in texts.
   * @defaultValue true
   */
  redact?: boolean;
  /**
   * Writes a fatal line when the process dies of an uncaught exception or rejection. How it dies is not changed.
   * @defaultValue true
   */
  logCrash?: boolean;
}

type WrittenLevel = Exclude<LogLevel, 'silent'>;

/** What all loggers made by one `createLogger` share. */
interface LoggerCore {
  readonly levels: LevelTable;
  readonly redact: boolean;
  readonly destination: LogDestination;
  close(): void;
}

/** Makes the application's logger. */
export function createLogger(options: LoggerOptions): AppLogger {
  textOption('service', options.service);
  installContext();
  const { service, version, environment, redact = true } = options;
  const core: LoggerCore = {
    levels: new LevelTable(options.level ?? 'info', options.levels ?? {}),
    redact,
    destination: chooseDestination(options),
    close: () => forget(),
  };
  const lines = pino(
    {
      level: 'trace',
      base: {
        service,
        ...(version === undefined ? {} : { version }),
        ...(environment === undefined ? {} : { environment }),
      },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
      // errors arrive as plain data already; pino's own serialiser would take them apart again
      serializers: { err: (value: unknown) => value },
      ...(redact ? { hooks: { streamWrite: maskSecrets } } : {}),
    },
    core.destination,
  );
  const logger = new ContextLogger(core, lines, undefined);
  const forget = flushAtEnd({
    flush: () => logger.flush(),
    crashed: (error, origin) => {
      if (options.logCrash ?? true) logger.fatal({ err: error, origin }, 'process crashed');
    },
  });
  return logger;
}

function chooseDestination(options: LoggerOptions): LogDestination {
  const given = options.destination;
  const terminal = given === undefined && isatty(STDOUT);
  const target = given ?? stdoutDestination();
  const pretty = options.pretty ?? terminal;
  return guarded(pretty ? prettyDestination(target, terminal && !process.env.NO_COLOR) : target);
}

/** A destination whose failures stay with it: a full disk must not end the application. */
function guarded(target: LogDestination): LogDestination {
  const attempt = (work: () => void): void => {
    try {
      work();
    } catch {
      // there is nowhere left to report it to
    }
  };
  return {
    write: (line) => attempt(() => target.write(line)),
    flushSync: () => attempt(() => target.flushSync?.()),
  };
}

class ContextLogger implements AppLogger {
  readonly #core: LoggerCore;
  readonly #lines: PinoLogger;
  readonly #module: string | undefined;
  readonly #threshold: Threshold;
  readonly trace: LogMethod;
  readonly debug: LogMethod;
  readonly info: LogMethod;
  readonly warn: LogMethod;
  readonly error: LogMethod;
  readonly fatal: LogMethod;

  constructor(core: LoggerCore, lines: PinoLogger, module: string | undefined) {
    this.#core = core;
    this.#lines = lines;
    this.#threshold = core.levels.threshold(module);
    this.#module = module;
    this.trace = this.#method('trace');
    this.debug = this.#method('debug');
    this.info = this.#method('info');
    this.warn = this.#method('warn');
    this.error = this.#method('error');
    this.fatal = (fields: object | string, message?: string) => {
      this.#write('fatal', fields, message);
      this.flush();
    };
  }

  child(bindings: object): AppLogger {
    const plain = plainFields(bindings, this.#core.redact);
    const module = typeof plain.module === 'string' ? plain.module : this.#module;
    return new ContextLogger(this.#core, this.#lines.child(plain), module);
  }

  level(module?: string): LogLevel {
    return this.#core.levels.get(module);
  }

  setLevel(level: LogLevel | 'inherit', module?: string): void {
    this.#core.levels.set(level, module);
  }

  flush(): void {
    this.#core.destination.flushSync?.();
  }

  close(): Promise<void> {
    this.flush();
    this.#core.close();
    return Promise.resolve();
  }

  #method(level: WrittenLevel): LogMethod {
    const value = LEVEL_VALUES[level];
    return (fields: object | string, message?: string) => {
      if (value >= this.#threshold.value) this.#write(level, fields, message);
    };
  }

  #write(level: WrittenLevel, given: object | string, message: string | undefined): void {
    if (LEVEL_VALUES[level] < this.#threshold.value) return;
    if (typeof given === 'string') {
      this.#lines[level](contextFields(), given);
      return;
    }
    const isError = given instanceof Error;
    const fields = isError ? { err: given } : given;
    this.#lines[level](
      plainFields(fields, this.#core.redact, contextFields()),
      message ?? (isError ? given.message : undefined),
    );
  }
}

/** The ids of the active request and span; what a caller gives under these names wins. */
function contextFields(): Record<string, unknown> {
  const active = context.active();
  const fields: Record<string, unknown> = {};
  const requestId = currentRequestId(active);
  if (requestId !== undefined) fields.request_id = requestId;
  const span = trace.getSpanContext(active);
  if (span !== undefined) {
    fields.trace_id = span.traceId;
    fields.span_id = span.spanId;
  }
  return fields;
}
