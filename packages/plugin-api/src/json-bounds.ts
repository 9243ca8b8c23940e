/**
 * Bounds on JSON from outside, enforced before parsing: parsing, validating and printing JSON nested a hundred
 * thousand levels deep, or made of millions of empty lists, costs far more than its bytes.
 */

export interface JsonBounds {
  /** Nesting depth of lists and objects. */
  readonly depth: number;
  /** Total members of lists and objects. */
  readonly members: number;
}

/** Enough for every legitimate use: requests, answers, tool calls, tool schemas. */
export const JSON_BOUNDS: JsonBounds = { depth: 64, members: 200_000 };

export interface JsonExcess {
  /** From the outermost value, truncated after a few steps: `.messages[3].content…`. */
  readonly path: string;
  readonly message: string;
}

/** Parses within bounds. Throws `SyntaxError` when out of bounds or not JSON. */
export const parseWithin = (text: string, bounds: JsonBounds = JSON_BOUNDS): unknown => {
  const excess = excessOf(text, bounds);
  if (excess !== undefined) throw new SyntaxError(`${excess.path}: ${excess.message}`);
  return JSON.parse(text);
};

const OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125;
const OPEN_LIST = 91;
const CLOSE_LIST = 93;
const COMMA = 44;
const QUOTE = 34;
const BACKSLASH = 92;

/** One pass over the text. Does not check that it is JSON. */
export const excessOf = (text: string, bounds: JsonBounds = JSON_BOUNDS): JsonExcess | undefined => {
  let depth = 0;
  let members = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (code === OPEN_OBJECT || code === OPEN_LIST) {
      depth += 1;
      members += 1;
    } else if (code === CLOSE_OBJECT || code === CLOSE_LIST) depth -= 1;
    else if (code === COMMA) members += 1;
    else continue;
    if (depth > bounds.depth)
      return { path: pathTo(text, at), message: `nested more than ${bounds.depth} levels deep` };
    if (members > bounds.members)
      return { path: pathTo(text, at), message: `more than ${bounds.members} members` };
  }
  return undefined;
};

/** Position of the closing quote of the string at `start`; the end of the text when there is none. */
const endOfString = (text: string, start: number): number => {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let first = at;
    while (text.charCodeAt(first - 1) === BACKSLASH && first - 1 > start) first -= 1;
    if ((at - first) % 2 === 0) return at;
  }
  return text.length;
};

const MAX_STEPS = 6;
const MAX_KEY_CHARACTERS = 40;

/** The path to a position; found in a second pass, because it is rarely needed. */
const pathTo = (text: string, end: number): string => {
  const steps: (string | number)[] = [];
  let lastString = '';
  for (let at = 0; at < end; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const close = endOfString(text, at);
      lastString = text.slice(at + 1, Math.min(close, at + 1 + MAX_KEY_CHARACTERS));
      at = close;
    } else if (code === OPEN_LIST) steps.push(0);
    else if (code === OPEN_OBJECT) steps.push('');
    else if (code === CLOSE_LIST || code === CLOSE_OBJECT) steps.pop();
    else if (code === COMMA || text[at] === ':') advance(steps, code === COMMA, lastString);
  }
  const shown = steps
    .slice(0, MAX_STEPS)
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${step.replace(/[^\w-]/g, '?')}`));
  return `${shown.join('')}${steps.length > MAX_STEPS ? '…' : ''}`;
};

const advance = (steps: (string | number)[], isComma: boolean, key: string): void => {
  const step = steps.at(-1);
  if (typeof step === 'number' && isComma) steps[steps.length - 1] = step + 1;
  if (typeof step === 'string' && !isComma) steps[steps.length - 1] = key;
};
