/**
 * Puts what is made of each block, from an opening sign to the next closing one, in its place. One that is not closed is
 * none, and its end is looked for but once.
 */
export const replaceBlocks = (
  text: string,
  [open, close]: readonly [string, string],
  made: (block: string) => string,
): string => {
  const parts: string[] = [];
  let from = 0;
  for (let start = text.indexOf(open); start >= 0; start = text.indexOf(open, from)) {
    const end = text.indexOf(close, start + open.length);
    if (end < 0) break;
    parts.push(text.slice(from, start), made(text.slice(start, end + close.length)));
    from = end + close.length;
  }
  return [...parts, text.slice(from)].join('');
};
