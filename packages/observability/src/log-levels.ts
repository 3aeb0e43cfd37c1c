import { optionInvalid } from './checks.js';

/** Levels of a log line, and `silent`, which writes none. */
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

/** The numbers pino gives the levels. */
export const LEVEL_VALUES: Readonly<Record<LogLevel, number>> = {
  trace: 10,
  debug: 20,
  info: 30,
  warn: 40,
  error: 50,
  fatal: 60,
  silent: Number.POSITIVE_INFINITY,
};

/** The lowest level that is written; one shared object a module, so that a change reaches every logger made before. */
export interface Threshold {
  value: number;
}

interface ModuleLevel extends Threshold {
  own: LogLevel | undefined;
}

/** The level of everything and of single modules, changeable at run time. */
export class LevelTable {
  readonly #root: ModuleLevel;
  readonly #modules = new Map<string, ModuleLevel>();
  #level: LogLevel;

  constructor(level: LogLevel, modules: Readonly<Record<string, LogLevel>>) {
    this.#level = levelOption('level', level);
    this.#root = { own: level, value: LEVEL_VALUES[level] };
    for (const [module, own] of Object.entries(modules)) this.set(own, module);
  }

  /** The threshold that loggers of a module share. */
  threshold(module: string | undefined): Threshold {
    if (module === undefined) return this.#root;
    const found = this.#modules.get(module);
    if (found !== undefined) return found;
    const made: ModuleLevel = { own: undefined, value: this.#root.value };
    this.#modules.set(module, made);
    return made;
  }

  /** Sets the level of one module (`inherit` gives it the general one again), or the general one. */
  set(level: LogLevel | 'inherit', module: string | undefined): void {
    if (module !== undefined) {
      this.threshold(module);
      const entry = this.#modules.get(module);
      if (entry === undefined) return;
      entry.own = level === 'inherit' ? undefined : levelOption(`levels.${module}`, level);
      entry.value = entry.own === undefined ? this.#root.value : LEVEL_VALUES[entry.own];
      return;
    }
    if (level === 'inherit') throw optionInvalid('level', LEVEL_RULE, level);
    this.#level = levelOption('level', level);
    this.#root.value = LEVEL_VALUES[level];
    for (const entry of this.#modules.values()) {
      if (entry.own === undefined) entry.value = this.#root.value;
    }
  }

  /** The level in force for a module, or the general one. */
  get(module: string | undefined): LogLevel {
    return (module === undefined ? undefined : this.#modules.get(module)?.own) ?? this.#level;
  }
}

const LEVEL_RULE = `one of ${Object.keys(LEVEL_VALUES).join(', ')}`;

function levelOption(option: string, level: LogLevel): LogLevel {
  if (!Object.hasOwn(LEVEL_VALUES, level)) throw optionInvalid(option, LEVEL_RULE, level);
  return level;
}
