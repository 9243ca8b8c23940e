/**
 * A law for whatever reads text that somebody else wrote: the work grows with the text and not faster, so that a reader
 * cannot be made to hold up the server. The texts are what makes patterns go back over what they have read.
 */
import vm from 'node:vm';

/** What is repeated: blanks, and the signs with which formats begin, join and end things. */
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

/** What they end with, because a pattern that matches hides what it does when it does not. */
const END = '\u0000';

/** Processor time that a reader may take; one that goes back over the text takes far more. */
const READING_MS = 800;
/** Of the clock, for the first try. Doubled until the reader is done or has had its processor time: a busy machine gives it late. */
const FIRST_TRY_MS = 200;
/** Enough to tell a reader whose work grows with the square of the text. */
const ENOUGH_CHARACTERS = 40 * 1024;

export interface HostileText {
  /** The longest text that the reader is given, where that is less than enough to tell. */
  readonly maxCharacters?: number;
  /** Beginnings after which the reader looks closer. */
  readonly begins?: readonly string[];
}

/** The first text that takes too long, by how it begins and what is repeated in it. */
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

/** Of another realm, so it is no `Error` of this one. */
const isTimeout = (error: unknown): boolean =>
  typeof error === 'object' &&
  error !== null &&
  'code' in error &&
  error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
