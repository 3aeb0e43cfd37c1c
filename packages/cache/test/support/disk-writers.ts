import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Program } from './program.js';

/** What happened to a key last. */
export interface KeyState {
  /** What was acknowledged last; `undefined`: it is absent. */
  value: number | undefined;
  /** What was begun after that and not acknowledged. */
  begun: { readonly value: number | undefined } | undefined;
}

/** Options of a writer that stay the same. */
export interface WriterOptions {
  readonly path: string;
  readonly keys: number;
  readonly sizes: readonly number[];
  readonly maxBytes: number;
}

/** Processes of `programs/disk-writer.ts` and what they said. */
export class DiskWriters {
  readonly states = new Map<string, KeyState>();
  readonly broken: string[] = [];
  readonly errors: string[] = [];
  #highest = 0;
  kills = 0;
  readonly #program: Program;
  readonly #options: WriterOptions;

  constructor(program: Program, options: WriterOptions) {
    this.#program = program;
    this.#options = options;
  }

  /** Starts a writer that is killed some milliseconds after its first word. */
  async lifeOf(writer: number, ms: number): Promise<void> {
    const options = { ...this.#options, writer, from: this.#highest };
    this.#highest += 1_000_000;
    const child: ChildProcess = spawn(
      process.execPath,
      [this.#program.path, JSON.stringify(options)],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const { stdout, stderr } = child;
    if (stdout === null || stderr === null) throw new Error('no pipes');
    stderr.on('data', (data: Buffer) => this.errors.push(data.toString()));
    const lines = createInterface({ input: stdout });
    lines.on('line', (line) => {
      if (line === 'ready') setTimeout(() => child.kill('SIGKILL'), ms);
      else this.#hear(line);
    });
    await Promise.all([once(child, 'exit'), once(lines, 'close')]);
    if (child.signalCode === 'SIGKILL') this.kills += 1;
  }

  #hear(line: string): void {
    const [what, key = '', kind, number] = line.split(' ');
    const state = this.states.get(key) ?? { value: undefined, begun: undefined };
    this.states.set(key, state);
    const value = kind === 'set' ? Number(number) : undefined;
    if (what === 'broken') this.broken.push(key);
    else if (what === 'begin') state.begun = { value };
    else {
      state.value = value;
      state.begun = undefined;
    }
  }

  /** Takes over what turned out to have happened: an operation that was begun may have been made or not. */
  settle(key: string, value: number | undefined): boolean {
    const state = this.states.get(key);
    if (state === undefined) return value === undefined;
    const allowed =
      value === state.value || (state.begun !== undefined && value === state.begun.value);
    state.value = value;
    state.begun = undefined;
    return allowed;
  }
}
