/** The literals of a source file, and its code without comments and the content of strings, for usual languages. */

interface Language {
  readonly files: RegExp;
  /** What opens a comment that ends with its line; `/*` is known beside `//`. */
  readonly comment: '//' | '#' | '// #';
  /** What opens a string of one line, except for a backtick, which may go over several. */
  readonly quotes: string;
  /** What opens a longer string when repeated three times. */
  readonly long: string;
  /** Between single quotes is one character. */
  readonly hasCharacters?: true;
  readonly hasPatterns?: true;
  /** What opens code inside a string; in JavaScript only between backticks. */
  readonly nests?: '${' | '#{';
  /** A statement that must fail when it is reached, where any file may end with one. */
  readonly failing?: string;
}

const LANGUAGES: readonly Language[] = [
  {
    files: /\.[cm]?[jt]sx?$/,
    comment: '//',
    quotes: `"'\``,
    long: '',
    hasPatterns: true,
    nests: '${',
    failing: "throw 'failed';",
  },
  { files: /\.py$/, comment: '#', quotes: `"'`, long: `"'`, failing: "raise AssertionError('failed')" },
  {
    files: /\.rb$/,
    comment: '#',
    quotes: `"'`,
    long: '',
    hasPatterns: true,
    nests: '#{',
    failing: "raise 'failed'",
  },
  { files: /\.exs?$/, comment: '#', quotes: `"'`, long: '"', nests: '#{' },
  { files: /\.php$/, comment: '// #', quotes: `"'`, long: '' },
  { files: /\.dart$/, comment: '//', quotes: `"'`, long: `"'`, nests: '${' },
  { files: /\.go$/, comment: '//', quotes: '"`', long: '', hasCharacters: true },
  { files: /\.(?:java|cs|swift)$/, comment: '//', quotes: '"', long: '"', hasCharacters: true },
  {
    files: /\.(?:kts?|scala|groovy)$/,
    comment: '//',
    quotes: '"',
    long: '"',
    hasCharacters: true,
    nests: '${',
  },
  { files: /\.(?:rs|c|cc|cpp|cxx|h|hpp|mm?)$/, comment: '//', quotes: '"', long: '', hasCharacters: true },
];

export const languageOf = (path: string): Language | undefined =>
  LANGUAGES.find(({ files }) => files.test(path));

export interface Literal {
  readonly kind: 'text' | 'character' | 'number' | 'truth';
  readonly start: number;
  readonly end: number;
  /** Of a text: where its content begins. */
  readonly content: number;
}

export interface Lexed {
  readonly literals: readonly Literal[];
  /** As long as the text, with blanks for comments and for the content of strings. */
  readonly code: string;
}

const WORD = /[A-Za-z_$][\w$]*/y;
const NUMBER = /0[xX][\da-fA-F_]+|0[oObB][\d_]+|\d[\d_]*/y;
const CHARACTER = /'(?:\\[^\n]{1,9}?|[^'\\\n])'/y;
const PATTERN = /\/(?![*/])(?:[^\\/[\n]|\\[^\n]|\[(?:[^\]\\\n]|\\[^\n]){0,300}\]){1,500}\//y;
const PART_OF_NAME = /[\w.$'\\]/;
const BEFORE_PATTERN = '(,=:[!&|?{};';
const RAW_RUST = /#{0,9}"/y;
const RAW_CPP = /"([^\s()\\"]{0,16})\(/y;
const TRUTHS = new Set(['true', 'false', 'True', 'False']);

export const lex = (text: string, language: Language): Lexed => {
  const literals: Literal[] = [];
  const code: string[] = [];
  let [at, kept, before] = [0, 0, ''];
  const blank = (start: number, end: number): void => {
    code.push(text.slice(kept, start), text.slice(start, end).replace(/[^\n]/g, ' '));
    kept = end;
  };
  while (at < text.length) {
    const comment = endOfComment(text, at, language);
    if (comment > at) {
      blank(at, comment);
      at = comment;
      continue;
    }
    const { literal, end } = tokenAt(text, at, before, language);
    if (literal !== undefined) literals.push(literal);
    if (literal?.kind === 'text') blank(literal.content, Math.max(literal.content, end - 1));
    if (end > at + 1 || /\S/.test(text.charAt(at))) before = text.charAt(end - 1);
    at = end;
  }
  return { literals, code: code.join('') + text.slice(kept) };
};

const endOfComment = (text: string, at: number, { comment }: Language): number => {
  const isLine =
    (comment.includes('//') && text.startsWith('//', at)) || (comment.includes('#') && text[at] === '#');
  const isBlock = comment.includes('//') && text.startsWith('/*', at);
  if (!isLine && !isBlock) return at;
  const end = isLine ? text.indexOf('\n', at) : text.indexOf('*/', at + 2) + 2;
  return end < at + 2 && !(isLine && end >= 0) ? text.length : end;
};

interface Token {
  readonly literal?: Literal | undefined;
  readonly end: number;
}

const tokenAt = (text: string, at: number, before: string, language: Language): Token => {
  const sign = text.charAt(at);
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0];
  };
  const literal = (kind: Literal['kind'], end: number, content = at): Token => ({
    literal: { kind, start: at, end, content },
    end,
  });
  if (sign === '\\') return { end: Math.min(text.length, at + 2) };
  if (language.quotes.includes(sign)) return stringAt(text, at, language);
  if (sign === "'" && language.hasCharacters === true) {
    const character = match(CHARACTER);
    return character === undefined ? { end: at + 1 } : literal('character', at + character.length);
  }
  if (/\d/.test(sign)) {
    const end = at + (match(NUMBER) ?? sign).length;
    return PART_OF_NAME.test(text.charAt(at - 1)) ? { end } : literal('number', end);
  }
  if (/[A-Za-z_$]/.test(sign)) return wordAt(text, at, match(WORD) ?? sign, language);
  const isPattern = sign === '/' && language.hasPatterns === true && BEFORE_PATTERN.includes(before);
  const pattern = isPattern ? match(PATTERN) : undefined;
  return pattern === undefined ? { end: at + 1 } : literal('text', at + pattern.length, at + 1);
};

const wordAt = (text: string, at: number, word: string, { files }: Language): Token => {
  const end = at + word.length;
  if (TRUTHS.has(word)) return { literal: { kind: 'truth', start: at, end, content: at }, end };
  const raw = (opening: RegExp, closing: (opened: RegExpExecArray) => string): Token | undefined => {
    opening.lastIndex = end;
    const opened = opening.exec(text);
    if (opened === null) return undefined;
    const content = end + opened[0].length;
    const closed = text.slice(content, content + MAX_STRING_CHARACTERS).indexOf(closing(opened));
    if (closed < 0) return undefined;
    const last = content + closed + closing(opened).length;
    return { literal: { kind: 'text', start: at, end: last, content }, end: last };
  };
  const isRust = files.test('a.rs');
  if (isRust && /^(?:b|c)?r$/.test(word))
    return raw(RAW_RUST, ([opened]) => `"${opened.slice(0, -1)}`) ?? { end };
  if (isRust && word === 'R') return raw(RAW_CPP, ([, name = '']) => `)${name}"`) ?? { end };
  return { end };
};

const stringAt = (text: string, at: number, language: Language): Token => {
  const quote = text.charAt(at);
  if (language.long.includes(quote) && text.startsWith(quote.repeat(3), at))
    return longStringAt(text, at, language);
  const end = endOfQuoted(text, at, language);
  if (end !== undefined) return { literal: { kind: 'text', start: at, end, content: at + 1 }, end };
  return { end: quote === '`' ? Math.min(text.length, at + MAX_LONG_CHARACTERS) : at + 1 };
};

const longStringAt = (text: string, at: number, { files }: Language): Token => {
  const closed = text.indexOf(text.charAt(at).repeat(3), at + 3);
  const end = closed < 0 ? text.length : closed + 3;
  // In most languages, the content of a long string begins in the next line.
  if (closed < 0 || !files.test('a.py')) return { end };
  return { literal: { kind: 'text', start: at, end, content: at + 3 }, end };
};

const endOfQuoted = (text: string, at: number, { quotes, files, nests }: Language): number | undefined => {
  const isBacktick = text[at] === '`';
  const isVerbatim = files.test('a.cs') && /@\$?$/.test(text.slice(Math.max(0, at - 2), at));
  if (isVerbatim || (isBacktick && !quotes.includes("'"))) return endOfRaw(text, at);
  return endOfString(text, at, isBacktick || !files.test('a.js') ? nests : undefined);
};

/** Without escapes; a doubled quote stands for one. */
const endOfRaw = (text: string, start: number): number | undefined => {
  const quote = text.charAt(start);
  let end = text.indexOf(quote, start + 1);
  while (quote === '"' && end >= 0 && text[end + 1] === quote) end = text.indexOf(quote, end + 2);
  return end < 0 ? undefined : end + 1;
};

/** Longer strings are none, so that quotes that open nothing cost little. */
const MAX_STRING_CHARACTERS = 2000;
const MAX_LONG_CHARACTERS = 50_000;

/**
 * Undefined if the quote opens no string. Code, with strings of its own, may be inside `${…}` or `#{…}`: the
 * quotes and braces that are still open are kept.
 */
const endOfString = (text: string, start: number, nests: string | undefined): number | undefined => {
  const opened = [text.charAt(start)];
  const stop = start + (opened[0] === '`' ? MAX_LONG_CHARACTERS : MAX_STRING_CHARACTERS);
  let at = start + 1;
  while (at < Math.min(stop, text.length)) {
    const inside = opened.at(-1) ?? '';
    if (inside !== '`' && inside !== '}' && text[at] === '\n') return undefined;
    if (text[at] === inside) {
      opened.pop();
      if (opened.length === 0) return at + 1;
    }
    at += text[at] === inside ? 1 : stepInside(text, at, { inside, opened, nests });
  }
  return undefined;
};

interface Inside {
  readonly inside: string;
  readonly opened: string[];
  readonly nests: string | undefined;
}

/** Adds what opens here, and returns how many characters to go on. */
const stepInside = (text: string, at: number, { inside, opened, nests }: Inside): number => {
  const sign = text.charAt(at);
  if (inside === '}') {
    if (sign === '{') opened.push('}');
    else if (`"'\``.includes(sign)) opened.push(sign);
    return 1;
  }
  if (sign === '\\') return 2;
  if (nests === undefined || inside === "'" || !text.startsWith(nests, at)) return 1;
  opened.push('}');
  return nests.length;
};
