/** The assertions of a test file in any language, each from its first word to the end of its statement. */

interface Assertion {
  readonly text: string;
  /** Starts at 1. */
  readonly line: number;
  /** Index of its first character. */
  readonly start: number;
}

const ASSERTION = new RegExp(
  [
    String.raw`\bassert [^=\s]|\b\w*[aA]ssert\w*(?:(?:\.|::|->)\w+){0,8}\s*[!(]|\bassert_\w+[ (]|\b(?:expect\w*|verify\w*|refute\w*|fail)(?:\.\w+){0,8}\s*[({]|\brefute `,
    String.raw`\b(?:EXPECT|ASSERT|CHECK|REQUIRE|BOOST_TEST|BOOST_CHECK|BOOST_REQUIRE)\w*\s*\(|\b(?:require|should)\.\w+\(|\.should\b|\bshould[A-Z]\w*|\bis_expected\b`,
    String.raw`\bif\b[^\n{]{0,300}\{\s*t\.(?:Error|Fatal|Fail)\w*\s*\(|\bt\.(?:Error|Fatal|Fail)\w*\s*\(|(?:\bt\.|^[ \t]*)(?:is|isnt|ok|not[oO]k|like|equals?|same|deepEqual|is_deeply|cmp_ok|true|false|not|throws)\s*\(`,
    String.raw`^[ \t]*(?:\[\[? |(?:test|grep|diff|cmp|run|Then|And|But) )|@test\b[ (]`,
  ].join('|'),
  'gm',
);

export const assertionsIn = (code: string): Assertion[] => {
  const found: Assertion[] = [];
  let [line, counted] = [1, 0];
  ASSERTION.lastIndex = 0;
  for (let match = ASSERTION.exec(code); match !== null; match = ASSERTION.exec(code)) {
    const start = match.index + (match[0].length - match[0].trimStart().length);
    const end = endOfStatement(code, start);
    for (; counted < start; counted += 1) if (code[counted] === '\n') line += 1;
    found.push({ text: code.slice(start, end).trim(), line, start });
    ASSERTION.lastIndex = Math.max(end, match.index + match[0].length);
  }
  return found;
};

/** Longer assertions are compared only up to this length. */
const MAX_CHARACTERS = 4000;
const OPEN = '([{';
const CLOSE = ')]}';

const endOfStatement = (code: string, start: number): number => {
  let depth = 0;
  const stop = Math.min(code.length, start + MAX_CHARACTERS);
  for (let at = start; at < stop; at += 1) {
    const sign = code.charAt(at);
    if (OPEN.includes(sign)) depth += 1;
    else if (CLOSE.includes(sign)) depth -= 1;
    else if (`"'\``.includes(sign)) at = endOfString(code, at);
    else if (depth === 0 && sign === ';') return at;
    else if (depth === 0 && sign === '\n' && !goesOn(code, at)) return at;
    if (depth < 0) return at;
  }
  return stop;
};

/** A quote that does not open a string is taken literally. */
const endOfString = (code: string, start: number): number => {
  const quote = code.charAt(start);
  for (let at = start + 1; at < Math.min(code.length, start + MAX_CHARACTERS); at += 1) {
    const sign = code.charAt(at);
    if (sign === '\\') at += 1;
    else if (sign === quote) return at;
    else if (sign === '\n' && quote !== '`') return start;
  }
  return start;
};

const goesOn = (code: string, end: number): boolean =>
  code[end - 1] === '\\' || /^\s*(?:\??\.|->)/.test(code.slice(end, end + MAX_INDENT));
const MAX_INDENT = 200;

/** The text without what a formatter changes. */
export const plain = (text: string): string =>
  text
    .replace(/\s+/g, '')
    .replace(/["`]/g, "'")
    .replace(/,(?=[)\]}])/g, '');
