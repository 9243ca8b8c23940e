/** Files that a shell line feeds to a program as code or arguments, without running them directly. */
import { nameOf } from '../repository/path-index.ts';
import { MAX_LINE_CHARACTERS, worksOnFiles } from './shell-lines.ts';

const READ_BY_PROGRAM = /(?<![<1-9])<\s{0,4}([\w./-]+)/g;
const LISTED = new RegExp(
  [
    String.raw`(?:^|\s)(\S{0,100})\s{1,4}@([\w./-]+)`,
    String.raw`\bxargs\b[^|;]*?\s(?:-a\s{0,4}|--arg-file[ =])([\w./-]+)`,
    // The patterns to search for, not the files to search.
    String.raw`\b(?:[efz]?grep|rg|ag|ack|sed)\b[^|;&]{0,300}?\s(?:-[A-Za-z]{0,9}f\s{0,4}|--file[ =])([\w./-]+)`,
    String.raw`\s--(?:(?:exclude|files|files0|include|patterns|pathspec|args)-from(?:-file)?|pathspec-from-file|arg-?file|args-file|ignore-(?:path|file)|(?:file|test|load)-?list)[ =]([\w./-]+)`,
  ].join('|'),
  'g',
);
const SENDS = /^(?:-d|--data[\w-]*|-F|--form[\w-]*|-T|--upload-file|--author|--body|--field)$/;
const PRINTED = /\b(?:cat|node|deno|python[\d.]*|ruby|perl|php)\s{1,4}([\w./-]+)/g;
/** The printed text is executed, not just compared. */
const OBEYED =
  /\|\s{0,4}(?:\S{0,200}\/)?(?:sh|bash|dash|zsh|xargs|node|python[\d.]*|ruby|perl|npm|npx)\b|\beval\b|\s-c\b/;
const COMPARED = /^\s*(?:\[|test\b|echo\b|export\b|e?grep\b|\w+=)/;
const INLINE_CODE = /\s(?:-c|-e|-p|--eval|--print)[ =]/;
const MODULE_IN_CODE = /\b(?:import|from)\s{1,4}([A-Za-z_][\w.]*)/g;
const PATH_IN_CODE = /["'`(](\.{0,2}\/?[\w-]+(?:[./][\w.-]+)+)["'`)]/g;

interface Fed {
  /** Code or arguments, wherever the file is. */
  readonly surely: readonly string[];
  /** May be mere data if the file belongs to the product. */
  readonly perhaps: readonly string[];
}

export const pathsFedTo = (whole: string): Fed => {
  const line = whole.slice(0, MAX_LINE_CHARACTERS);
  const read = [...line.matchAll(READ_BY_PROGRAM)].map(([, name = ''], at, all) => ({
    name,
    reader: simpleCommand(line.slice(0, all[at]?.index)),
  }));
  const isObeyed = OBEYED.test(line) || (/\$\(|`/.test(line) && !COMPARED.test(line));
  const printed = isObeyed ? [...line.matchAll(PRINTED)].map(([, name = '']) => name) : [];
  return {
    surely: [
      ...read.filter(({ reader }) => obeysInput(reader)).map(({ name }) => name),
      ...listedIn(line),
      ...printed.filter((name) => !/version/i.test(nameOf(name))),
    ],
    perhaps: [
      ...read.filter(({ reader }) => !worksOnFiles(reader[0] ?? '')).map(({ name }) => name),
      ...printed,
      ...(INLINE_CODE.test(line) ? namedInCode(line) : []),
    ],
  };
};

const listedIn = (line: string): string[] =>
  [...line.matchAll(LISTED)].flatMap(([, before, responses, ...names]) => [
    ...(responses === undefined || SENDS.test(before ?? '') ? [] : [responses]),
    ...names.flatMap((name) => name ?? []),
  ]);

const SEPARATORS = ['(', '|', ';', '&', '`', '{', '\n'];

/** The words of the command that is still open at the end of `before`. */
const simpleCommand = (before: string): string[] =>
  before
    .slice(Math.max(...SEPARATORS.map((sign) => before.lastIndexOf(sign))) + 1)
    .trim()
    .split(/\s+/)
    .filter((word) => !/^[A-Za-z_]\w*=|^!$/.test(word));

const SHELL = /^(?:sh|bash|dash|zsh|ksh|node|python[\d.]*|ruby|perl|php)$/;

/** An interpreter without a script runs its input, and xargs turns it into arguments. */
const obeysInput = ([program = '', ...rest]: readonly string[]): boolean => {
  const name = nameOf(program);
  if (name === 'xargs') return true;
  return SHELL.test(name) && (rest.includes('-s') || rest.every((word) => word.startsWith('-')));
};

export const namedInCode = (line: string): string[] => [
  ...[...line.matchAll(MODULE_IN_CODE)].map(([, name = '']) => name.replaceAll('.', '/')),
  ...[...line.matchAll(PATH_IN_CODE)].map(([, name = '']) => name),
];
