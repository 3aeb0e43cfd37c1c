/**
 * What a worker's exchanges are called. Forgotten when all of them were answered: those that follow are another series, of
 * which the server knows no claims.
 */
interface Line {
  readonly series: string;
  /** Number of the newest exchange. */
  begun: number;
  /** Number of the newest exchange that was answered. */
  answered: number;
  inFlight: number;
}

/** One exchange of a worker. */
export interface Ticket {
  /** Its name. */
  readonly token: string;
  /**
   * The last one that was answered, where one after it was not; '' where none was lost, and while others are under
   * way, so that nobody can say.
   */
  readonly answered: string;
  /** The answer came. */
  answer(): void;
  /** Whether another exchange of the worker began before this one. */
  isAfter(token: string): boolean;
  /** It is over, answered or not. */
  end(): void;
}

/**
 * Names for the exchanges of each worker. The server keeps the names of a worker's last two exchanges with their claims:
 * when the next one says that another was the last it heard of, the claims are given again. So an answer that is lost on
 * the way costs no task an attempt.
 */
export class Tokens {
  readonly #instance: string;
  #series = 0;
  readonly #lines = new Map<string, Line>();

  /** Workers with exchanges that were not answered. */
  get size(): number {
    return this.#lines.size;
  }

  constructor(instance: string) {
    this.#instance = instance;
  }

  begin(worker: string): Ticket {
    let line = this.#lines.get(worker);
    if (line === undefined) {
      line = { series: `${this.#instance}.${++this.#series}`, begun: 0, answered: 0, inFlight: 0 };
      this.#lines.set(worker, line);
    }
    const known = line;
    const number = ++known.begun;
    const alone = known.inFlight++ === 0;
    return {
      token: `${known.series}.${number}`,
      answered: alone && known.answered < number - 1 ? `${known.series}.${known.answered}` : '',
      answer: () => {
        known.answered = Math.max(known.answered, number);
      },
      isAfter: (token) => {
        const end = token.lastIndexOf('.');
        return token.slice(0, end) !== known.series || Number(token.slice(end + 1)) < number;
      },
      end: () => {
        known.inFlight--;
        const isSettled = known.inFlight === 0 && known.answered === known.begun;
        if (isSettled && this.#lines.get(worker) === known) this.#lines.delete(worker);
      },
    };
  }
}
