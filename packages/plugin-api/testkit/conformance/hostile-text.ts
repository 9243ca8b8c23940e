/**
 * A law for every parser of untrusted text: the work is linear in the text, so that a reader cannot be made to block
 * the server. The texts are those that make patterns backtrack.
 */
import vm from 'node:vm';

/** Repeated pieces: blanks, and the delimiters of formats. */
const REPEATED: readonly string[] = [
  ...[' ', '\t', '\n', '\r', ' \n', '\n \n', '\u2028', 'a', 'a ', '0', '0 ', '1 1111 ', 'a0', 'A.'],
  ...[
    'test.',
    'test ',
    "it['",
    'def ',
    '#[',
    '/*',
    '/* ',
    '*/',
    '//',
    '#',
    ' #',
    '/',
    './',
    '../',
    '\\',
    '.',
  ],
  ...[
    '{',
    '{{',
    '[',
    '(',
    '"',
    "'",
    '"" ',
    "a'",
    '`',
    '$',
    '${',
    '$(',
    '<',
    ':',
    '::',
    ': ',
    ';',
    ',',
    ' ,',
    ', ',
  ],
  ...[
    '=',
    '= ',
    ' =',
    'A="" ',
    'A=" A=',
    'A=a ',
    '--',
    '--a ',
    '-r ',
    ' -',
    '- ',
    '*',
    '**',
    '*a',
    '**/',
    '@',
    '@/',
  ],
  ...[
    '<dependency>',
    'v/v/',
    'extends: [',
    'path',
    'requirements',
    'constraints.',
    'a.in ',
    'model does ',
    'models/a ',
    '://',
    'Basic ',
    '\tb/',
    ' b/',
  ],
];

/** Endings that prevent a match, because a match hides the backtracking. */
const END = '\u0000';

/** CPU time allowed for a reader; one that backtracks takes far more. */
const READING_MS = 800;
/**
 * Wall-clock time of the first try. Doubled until the reader is done or has used its CPU time: a busy machine
 * schedules it late.
 */
const FIRST_TRY_MS = 200;
/** Enough to detect quadratic work. */
const ENOUGH_CHARACTERS = 40 * 1024;

export interface HostileText {
  /** The longest text the reader accepts, when that is less than needed to detect it. */
  readonly maxCharacters?: number;
  /** Prefixes after which the reader does more work. */
  readonly begins?: readonly string[];
}

/** The first text that takes too long, by its prefix and repeated piece. */
export const slowText = (
  read: (text: string) => unknown,
  { maxCharacters = ENOUGH_CHARACTERS, begins = [] }: HostileText = {},
): readonly string[] | undefined => {
  const context = vm.createContext({});
  const script = new vm.Script('read()');
  const isSlow = (text: string): boolean => {
    context.read = () => read(text);
    for (let timeout = FIRST_TRY_MS; ; timeout *= 2) {
      const before = process.cpuUsage();
      try {
        script.runInContext(context, { timeout });
        return false;
      } catch (error) {
        if (!isTimeout(error)) throw error;
        const { user, system } = process.cpuUsage(before);
        if ((user + system) / 1000 > READING_MS) return true;
      }
    }
  };
  for (const begin of ['', ...begins])
    for (const repeated of REPEATED) {
      const room = maxCharacters - begin.length - END.length;
      const text = begin + repeated.repeat(Math.floor(room / repeated.length)) + END;
      if (isSlow(text)) return [begin, repeated];
    }
  return undefined;
};

/** From another realm, so not an `Error` of this one. */
const isTimeout = (error: unknown): boolean =>
  typeof error === 'object' &&
  error !== null &&
  'code' in error &&
  error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
