/** What a worker's exchanges are called. */
interface Line {
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
  readonly #lines = new Map<string, Line>();

  constructor(instance: string) {
    this.#instance = instance;
  }

  begin(worker: string): Ticket {
    let line = this.#lines.get(worker);
    if (line === undefined) {
      line = { begun: 0, answered: 0, inFlight: 0 };
      this.#lines.set(worker, line);
    }
    const known = line;
    const number = ++known.begun;
    const alone = known.inFlight++ === 0;
    return {
      token: `${this.#instance}.${number}`,
      answered: alone && known.answered < number - 1 ? `${this.#instance}.${known.answered}` : '',
      answer: () => {
        known.answered = Math.max(known.answered, number);
      },
      isAfter: (token) => Number(token.slice(token.lastIndexOf('.') + 1)) < number,
      end: () => {
        known.inFlight--;
      },
    };
  }
}
