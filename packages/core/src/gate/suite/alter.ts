/**
 * Alters a test file so that it must fail: the last literal of each assertion is replaced by another one. If
 * that is a string, which may be a message, so is the one before it. Everything else stays as it is, and the
 * file is as valid as it was: digits, letters and truth values take the place of their like.
 */
import { assertionsIn } from './assertions.ts';
import { type Lexed, type Literal, languageOf, lex } from './literals.ts';

export interface AlteredTest {
  readonly text: string;
  /** The number of altered assertions. */
  readonly assertions: number;
}

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Whether the language is known, so that there may be something to alter. */
export const isAlterable = (path: string): boolean => languageOf(path) !== undefined;

export const alterTest = (path: string, text: string): AlteredTest => {
  const language = languageOf(path);
  if (language === undefined) return { text, assertions: 0 };
  const lexed = lex(text, language);
  const edits: Edit[] = [];
  let assertions = 0;
  let first = 0;
  for (const { start, text: assertion } of assertionsIn(lexed.code)) {
    const end = start + assertion.length;
    while ((lexed.literals[first]?.start ?? end) < start) first += 1;
    const found = editsOf(path, text, { ...lexed, start, end, first });
    if (found.length > 0) assertions += 1;
    edits.push(...found);
  }
  return { text: edited(text, edits), assertions };
};

/** For a file without such assertions; undefined where no file may end with a statement. */
export const failAtEnd = (path: string, text: string): string | undefined => {
  const failing = languageOf(path)?.failing;
  return failing === undefined ? undefined : `${text}\n${failing}\n`;
};

interface Place extends Lexed {
  readonly start: number;
  readonly end: number;
  /** Index of the first literal that is not before the assertion. */
  readonly first: number;
}

const IMPORTS = /^\s*(?:import|export|from|use|using|package|@import)\b/;
const MAX_PREFIX = 300;

const editsOf = (path: string, text: string, place: Place): Edit[] => {
  const { code, literals, start, end, first } = place;
  const before = code.slice(Math.max(0, start - MAX_PREFIX), start);
  const prefix = before.slice(before.lastIndexOf('\n') + 1);
  if (IMPORTS.test(prefix) || /^\w+\s+from\b/.test(code.slice(start, start + MAX_PREFIX))) return [];
  if (path.endsWith('.go')) {
    const condition = conditionAt(code, start);
    if (condition !== undefined) return [{ start: condition, end: condition, text: 'true || ' }];
    if (/^t\./.test(code.slice(start, start + 2))) return [];
  }
  let after = first;
  while ((literals[after]?.end ?? Number.POSITIVE_INFINITY) <= end) after += 1;
  const within = literals.slice(Math.max(first, after - 2), after);
  const last = within.at(-1);
  if (last === undefined) return [];
  const other = last.kind === 'text' ? within.at(-2) : undefined;
  return [
    ...(other === undefined ? [] : [{ ...other, text: otherThan(text, other, 'xkw') }]),
    { ...last, text: otherThan(text, last, 'qzj') },
  ].filter((edit) => edit.text !== text.slice(edit.start, edit.end));
};

const GO_CONDITION = /if\b[^\n{]{0,300}\{\s{0,200}t\.(?:Error|Fatal|Fail)/y;

/** Where the condition begins under which a Go test fails. */
const conditionAt = (code: string, start: number): number | undefined => {
  GO_CONDITION.lastIndex = start;
  const header = GO_CONDITION.exec(code)?.[0].split('{')[0];
  if (header === undefined) return undefined;
  const semicolon = header.lastIndexOf(';');
  return start + (semicolon < 0 ? 'if '.length : semicolon + 2);
};

const otherThan = (text: string, { kind, start, end, content }: Literal, letters: string): string => {
  const was = text.slice(start, end);
  if (kind === 'truth') return TRUTHS[was] ?? was;
  if (kind === 'number') return otherNumber(was);
  if (kind === 'character') return /^'[A-Za-z0-9]'$/.test(was) ? (was === "'7'" ? "'4'" : "'7'") : was;
  // Which letter it is depends on the place, so that nothing in the file marks what was altered.
  const letter = letters.charAt(start % letters.length);
  return text.slice(start, content) + letter + text.slice(content, end);
};

const TRUTHS: Readonly<Record<string, string>> = {
  true: 'false',
  false: 'true',
  True: 'False',
  False: 'True',
};

/** Smaller where possible, because the largest number of a type may be there. */
const otherNumber = (was: string): string => {
  if (/^0[a-zA-Z]/.test(was)) return was.slice(0, -1) + (was.endsWith('0') ? '1' : '0');
  const digits = was.replaceAll('_', '');
  return /^0*$/.test(digits) ? '1' : String(BigInt(digits) - 1n);
};

const edited = (text: string, edits: readonly Edit[]): string => {
  const parts: string[] = [];
  let at = 0;
  for (const edit of edits.toSorted((one, other) => one.start - other.start)) {
    if (edit.start < at) continue;
    parts.push(text.slice(at, edit.start), edit.text);
    at = edit.end;
  }
  parts.push(text.slice(at));
  return parts.join('');
};
