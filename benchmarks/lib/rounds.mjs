/**
 * Measures every contender once a round. Each round begins with another one, so that no one always has the machine as
 * the same neighbour left it.
 *
 * @returns the samples of each contender, by its place in the list
 */
export async function interleave(rounds, contenders, measure, progress = () => undefined) {
  const samples = contenders.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      const place = (round + turn) % contenders.length;
      samples[place].push(await measure(contenders[place], round));
    }
    progress(`round ${round + 1} of ${rounds}`);
  }
  return samples;
}
