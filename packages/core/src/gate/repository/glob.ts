/**
 * Path patterns as used in repositories: `*` within a name, `**` for any folders. They are not compiled to
 * regular expressions, because then the pattern would decide how long matching takes.
 */

/** Longer patterns, and those with more stars, match nothing. */
const MAX_PATTERN_CHARACTERS = 500;
const MAX_STARS = 16;

export const matchesGlob = (pattern: string, path: string): boolean => {
  const stars = pattern.split('*').length - 1;
  if (pattern.length > MAX_PATTERN_CHARACTERS || stars > MAX_STARS) return false;
  const names = path.split('/');
  const [first = [], ...blocks] = blocksOf(pattern.split('/'));
  if (!startsAt(names, 0, first)) return false;
  const last = blocks.pop();
  if (last === undefined) return names.length === first.length;
  let from = first.length;
  for (const block of blocks) {
    while (from + block.length <= names.length && !startsAt(names, from, block)) from += 1;
    from += block.length;
  }
  // A trailing `**` matches what is in the folder, not the folder itself.
  const end = names.length - last.length;
  return end >= from + (last.length === 0 ? 1 : 0) && startsAt(names, end, last);
};

/** The names between two `**`. */
const blocksOf = (names: readonly string[]): string[][] => {
  const blocks: string[][] = [[]];
  for (const name of names) {
    if (name === '**') blocks.push([]);
    else blocks.at(-1)?.push(name);
  }
  return blocks;
};

const startsAt = (names: readonly string[], at: number, block: readonly string[]): boolean =>
  block.every((pattern, index) => {
    const name = names[at + index];
    return name !== undefined && matchesName(pattern, name);
  });

const matchesName = (pattern: string, name: string): boolean => {
  const [start = '', ...parts] = pattern.split(/\*+/);
  const end = parts.pop();
  if (end === undefined) return name === start;
  if (!name.startsWith(start)) return false;
  let at = start.length;
  for (const part of parts) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return name.length - end.length >= at && name.endsWith(end);
};
