/** Files that a shell line has a program obey, though it does not run them itself: code and arguments that it reads. */
import { MAX_LINE_CHARACTERS, worksOnFiles } from './shell-lines.ts';

const READ_BY_PROGRAM =
  /(?<![<\d])<\s{0,4}([\w./-]+)|(?:^|\s)@([\w./-]+)|\bxargs\b[^|;]*?\s(?:-a|--arg-file)[ =]([\w./-]+)/g;
const PRINTED = /\bcat\s{1,4}([\w./-]+)/g;
/** What is printed is obeyed, and not only compared. */
const OBEYED =
  /\|\s{0,4}(?:\S{0,200}\/)?(?:sh|bash|dash|zsh|xargs|node|python[\d.]*|ruby|perl|npm|npx)\b|\beval\b|\s-c\b/;
const COMPARED = /^\s*(?:\[|test\b|echo\b|export\b|e?grep\b|\w+=)/;
const INLINE_CODE = /\s(?:-c|-e|-p|--eval|--print)[ =]/;
const MODULE_IN_CODE = /\b(?:import|from)\s{1,4}([A-Za-z_][\w.]*)/g;
const PATH_IN_CODE = /["'`(](\.{0,2}\/?[\w-]+(?:[./][\w.-]+)+)["'`)]/g;

export const pathsFedTo = (whole: string): string[] => {
  const line = whole.slice(0, MAX_LINE_CHARACTERS);
  const read = [...line.matchAll(READ_BY_PROGRAM)]
    .filter(({ index }) => line[index] !== '<' || !isOnlyCounted(line.slice(0, index)))
    .flatMap(([, ...names]) => names.flatMap((name) => name ?? []));
  const isObeyed = OBEYED.test(line) || (/\$\(|`/.test(line) && !COMPARED.test(line));
  const printed = isObeyed ? [...line.matchAll(PRINTED)].map(([, name = '']) => name) : [];
  return [...read, ...printed, ...(INLINE_CODE.test(line) ? namedInCode(line) : [])];
};

/** Read by a program that counts, compares or shows what it reads: `wc -l < list.txt`. */
const isOnlyCounted = (before: string): boolean =>
  worksOnFiles(
    before
      .slice(Math.max(...SEPARATORS.map((sign) => before.lastIndexOf(sign))) + 1)
      .trim()
      .split(/\s/, 1)[0] ?? '',
  );

const SEPARATORS = ['(', '|', ';', '&', '`', '{', '\n'];

const namedInCode = (line: string): string[] => [
  ...[...line.matchAll(MODULE_IN_CODE)].map(([, name = '']) => name.replaceAll('.', '/')),
  ...[...line.matchAll(PATH_IN_CODE)].map(([, name = '']) => name),
];
