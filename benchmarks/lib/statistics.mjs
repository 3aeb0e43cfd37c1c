const sorted = (numbers) => [...numbers].sort((a, b) => a - b);

/** The median. */
export function median(numbers) {
  const values = sorted(numbers);
  const middle = values.length >> 1;
  return values.length % 2 === 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

/** The percentile by nearest rank. */
export function percentile(numbers, percent) {
  const values = sorted(numbers);
  return values[Math.max(0, Math.ceil((percent / 100) * values.length) - 1)];
}

/** Median with the smallest and the largest. */
export function summary(numbers) {
  return { median: median(numbers), min: Math.min(...numbers), max: Math.max(...numbers) };
}
