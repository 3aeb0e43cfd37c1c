/** Why a target is missed, as far as it is known: part of the work's name, the rival, the reason. */
export const reasons = [];
