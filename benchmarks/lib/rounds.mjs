/**
 * Measures every contender once a round. Each round begins with another one, so that no one always has the machine as
 * the same neighbour left it. A run that fails is handed to `failed` and gives no sample; a contender of whom more
 * than half the runs failed is not measured.
 *
 * @param note - begins each line of progress
 * @returns the samples of each contender, by its place in the list
 */
export async function interleave({ rounds, failed, progress }, contenders, measure, note = '') {
  const samples = contenders.map(() => []);
  let lastError;
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      const place = (round + turn) % contenders.length;
      try {
        samples[place].push(await measure(contenders[place], round));
      } catch (error) {
        lastError = error;
        failed(error);
      }
    }
    progress(`${note}round ${round + 1} of ${rounds}`);
  }
  if (samples.some(({ length }) => length <= rounds / 2)) throw lastError;
  return samples;
}
