import type { Logger } from './logger.js';

const nothing = (): void => {};

/** The logger that is used where none is given. */
export const silentLogger: Logger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
};
