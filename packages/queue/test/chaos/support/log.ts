/**
 * What a worker process tells of itself, a line each: its words, with spaces between. Times are nanoseconds of the
 * machine's monotonic clock, which all processes share.
 *
 * - `up <worker>`: a worker runs.
 * - `begin <id> <epoch> <ns> <name>`, `end <id> <epoch> <ns>`: a handler begins, ends.
 * - `done <id> <ns>`: the store accepted a completion.
 * - `lost <id> <epoch>`: the worker learned that a lease had been taken over.
 * - `token <token> <outcome>`: what became of an enqueue that carried a token.
 * - `still`: it does nothing more than work.
 * - `error <text>`: what should not have happened.
 */
type Word = 'up' | 'begin' | 'end' | 'done' | 'lost' | 'token' | 'still' | 'error';

/** One run of a handler. */
export interface Run {
  readonly id: string;
  readonly epoch: number;
  readonly name: string;
  /** Milliseconds of the monotonic clock. */
  readonly begin: number;
  /** Absent as long as it runs, and where its process was killed. */
  end?: number;
}

/** Milliseconds of the machine's monotonic clock. */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/** What one process told. */
export class ProcessLog {
  readonly runs: Run[] = [];
  readonly workers: string[] = [];
  /** When its first worker was heard of, in milliseconds since 1970. */
  upAt: number | undefined;
  readonly done: { readonly id: string; readonly at: number }[] = [];
  readonly errors: string[] = [];
  /** What became of the enqueues of tokens, as far as it was told. */
  readonly tokens = new Map<string, string>();
  lost = 0;
  isStill = false;
  readonly #open = new Map<string, Run>();
  #rest = '';

  /** Takes in what came from the process. */
  read(chunk: string): void {
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#take(line);
  }

  /** Handlers that run now, or ran when the process was killed. */
  get open(): readonly Run[] {
    return [...this.#open.values()];
  }

  #take(line: string): void {
    const [word = '', id = '', epoch = '', ns = '', name = ''] = line.split(' ');
    const key = `${id} ${epoch}`;
    switch (word as Word) {
      case 'up':
        this.workers.push(id);
        this.upAt ??= Date.now();
        break;
      case 'begin': {
        const run = { id, epoch: Number(epoch), name, begin: Number(ns) / 1e6 };
        this.runs.push(run);
        this.#open.set(key, run);
        break;
      }
      case 'end': {
        const run = this.#open.get(key);
        if (run !== undefined) run.end = Number(ns) / 1e6;
        this.#open.delete(key);
        break;
      }
      case 'done':
        this.done.push({ id, at: Number(epoch) / 1e6 });
        break;
      case 'lost':
        this.lost++;
        break;
      case 'token':
        this.tokens.set(id, epoch);
        break;
      case 'still':
        this.isStill = true;
        break;
      default:
        this.errors.push(line);
    }
  }
}
