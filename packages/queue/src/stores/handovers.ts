/** What a worker has heard since an exchange parked it. */
interface Parking {
  readonly token: string;
  /** Number of the last message heard. */
  heard: number;
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
    if (parks) parkings.push({ token, heard: 0 });
    this.#workers.set(worker, { parkings: parkings.slice(-MOST_PARKINGS), open: parks });
    return text;
  }

  /** An exchange was answered: what was before it is settled. */
  answered(worker: string, isOver: (token: string) => boolean): void {
    const known = this.#workers.get(worker);
    if (known === undefined) return;
    known.parkings = known.parkings.filter(({ token }) => !isOver(token));
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
