/** Who and why, without what is absent. */
export function whoOf({
  by,
  reason,
}: {
  readonly by?: string | undefined;
  readonly reason?: string | undefined;
}): { by?: string; reason?: string } {
  return { ...(by === undefined ? {} : { by }), ...(reason === undefined ? {} : { reason }) };
}
