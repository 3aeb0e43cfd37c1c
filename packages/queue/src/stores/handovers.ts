/** What a worker has heard since an exchange parked it. */
interface Parking {
  readonly token: string;
  /** Number of the last message heard. */
  heard: number;
  /** Whether that exchange may still be on its way to the server: then it may park the worker after all. */
  underWay: boolean;
}

/** Exchanges without an answer that are remembered for one worker. What was handed over under older ones lapses. */
const MOST_PARKINGS = 50;

/**
 * What was handed over to workers of this process. Messages may be lost, and may come late: the next exchange of a worker
 * says how many it has heard, the server gives it the others again, and whatever comes from then on is left aside.
 */
export class Handovers {
  readonly #workers = new Map<string, { parkings: Parking[]; open: boolean }>();

  /** An exchange begins. What it says of what was heard. */
  begin(worker: string, token: string, parks: boolean): string {
    const known = this.#workers.get(worker);
    if (known === undefined && !parks) return '';
    const parkings = known?.parkings ?? [];
    const text = parkings.map(({ token, heard }) => ` ${token}=${heard}`).join('');
    if (parks) parkings.push({ token, heard: 0, underWay: true });
    this.#workers.set(worker, { parkings: parkings.slice(-MOST_PARKINGS), open: parks });
    return text;
  }

  /** An exchange is over, answered or not. */
  ended(worker: string, token: string): void {
    const parking = this.#workers.get(worker)?.parkings.find((each) => each.token === token);
    if (parking !== undefined) parking.underWay = false;
  }

  /** An exchange was answered: what was before it is settled, but for one that it may have overtaken. */
  answered(worker: string, isBefore: (token: string) => boolean): void {
    const known = this.#workers.get(worker);
    if (known === undefined) return;
    known.parkings = known.parkings.filter(({ token, underWay }) => underWay || !isBefore(token));
    if (known.parkings.length === 0) this.#workers.delete(worker);
  }

  /** Whether a message is the next one, and not to come again with the answer to an exchange. */
  hear(worker: string, token: string, number: number): boolean {
    const known = this.#workers.get(worker);
    const parking = known?.open === true ? known.parkings.at(-1) : undefined;
    if (parking?.token !== token || number !== parking.heard + 1) return false;
    parking.heard = number;
    return true;
  }
}
