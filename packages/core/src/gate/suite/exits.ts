/**
 * Calls with which product code ends the program that loads it as if all were well. A runner that prints no
 * test count then prints nothing and succeeds.
 */
import { replaceBlocks } from '../repository/project-files.ts';
import { exitNames, testPatches } from './exit-names.ts';

interface Language {
  readonly files: RegExp;
  /** Ends the program, and not certainly as a failure. */
  readonly exit: RegExp;
  readonly isIndented?: boolean;
  /** The body of a function may begin on the line below its header. */
  readonly isBraceBelow?: boolean;
  /** The execution order is unknown, so a successful exit counts anywhere except in `main`. */
  readonly success?: RegExp;
}

/** Not followed by a number that indicates failure. */
const ZERO = String.raw`\s{0,9}\(\s{0,9}(?!-?[1-9])`;
const LANGUAGES: readonly Language[] = [
  {
    files: /\.[cm]?[jt]sx?$/,
    exit: new RegExp(
      String.raw`\b(?:process|Deno|Bun)\s{0,9}(?:\??\.\s{0,9}|\[\s{0,9}["'\x60])(?:exit|reallyExit)(?:["'\x60]\s{0,9}\])?(?:\?\.)?${ZERO}|\bprocess\.exitCode\s{0,9}=\s{0,9}0\b`,
      'g',
    ),
  },
  {
    files: /\.py$/,
    isIndented: true,
    exit: /(?:\b(?:sys\.exit|os\._exit)|(?<![\w.])(?:exit|quit))\s{0,9}\(\s{0,9}(?!-?[1-9]|f?["'])|\braise\s{1,9}SystemExit\b(?!\s{0,9}\(\s{0,9}[1-9"'])/g,
  },
  {
    files: /\.rb$/,
    isIndented: true,
    exit: /(?<![\w.@:])(?:(?:Kernel|Process)\.)?exit!?(?![\w?=:])(?!\s{0,9}\(?\s{0,9}(?:[1-9]|false))/g,
  },
  {
    files: /\.go$/,
    exit: new RegExp(String.raw`\b(?:os|syscall|unix)\.Exit${ZERO}`, 'g'),
    success: /\b(?:os|syscall|unix)\.Exit\s{0,9}\(\s{0,9}0\s{0,9}\)/g,
  },
  {
    files: /\.(?:java|kts?|scala|groovy)$/,
    isBraceBelow: true,
    exit: new RegExp(String.raw`\b(?:(?:System|sys)\.exit|exitProcess)${ZERO}|\.halt${ZERO}`, 'g'),
    success: /(?:\b(?:(?:System|sys)\.exit|exitProcess)|\.halt)\s{0,9}\(\s{0,9}0\s{0,9}\)/g,
  },
  {
    files: /\.(?:c|cc|cpp|cxx|h|hpp|mm?)$/,
    isBraceBelow: true,
    exit: new RegExp(String.raw`(?<![\w.])(?:_?exit|_Exit|quick_exit)${ZERO}`, 'g'),
  },
];

export const mayEndProgram = (path: string): boolean => LANGUAGES.some(({ files }) => files.test(path));

/** Names of functions in other files. */
export type Named = ReadonlySet<string>;
const NONE: Named = new Set();

/**
 * The number of ways in which a file can end the program that loads it with a success; `named` are functions
 * that do so when called.
 */
export const exitsOnLoad = (path: string, text: string, named: Named = NONE): number => {
  const language = LANGUAGES.find(({ files }) => files.test(path));
  if (language === undefined) return 0;
  const names = exitNames(path, codeOf(text, language));
  if (text.match(language.exit) === null && named.size === 0) return names;
  const parts = partsOf(text, language);
  const { run, called } = partsRunOnLoad(parts);
  const byOthers = [...named].filter((name) => called.has(name)).length;
  const onLoad = run.reduce((sum, part) => sum + countOf(part, language.exit), names + byOthers);
  const { success } = language;
  if (success === undefined) return onLoad;
  const others = parts.filter((part) => part.name !== 'main' && !run.includes(part));
  return others.reduce((sum, part) => sum + (part.text.match(success)?.length ?? 0), onLoad);
};

/** The number of ways in which it can alter the functions that tests use. */
export const patchesOnLoad = (path: string, text: string): number => {
  const language = LANGUAGES.find(({ files }) => files.test(path));
  return language === undefined ? 0 : testPatches(path, codeOf(text, language));
};

/** Functions that end the program with a success when called and are not called on load. */
export const exitingFunctions = (path: string, text: string): readonly string[] => {
  const language = LANGUAGES.find(({ files }) => files.test(path));
  if (language === undefined || text.match(language.exit) === null) return [];
  const parts = partsOf(text, language);
  const { run } = partsRunOnLoad(parts);
  const arrows = parts.flatMap((part) =>
    [...part.text.matchAll(language.exit)].flatMap(({ index }) => {
      const before = part.text.slice(Math.max(0, index - MAX_BEFORE), index);
      return NAMED_ARROW.exec(before)?.[1] ?? [];
    }),
  );
  const blocks = parts.filter((part) => !run.includes(part) && part.text.match(language.exit) !== null);
  return [...blocks.flatMap(({ name = '' }) => (/^[\w$]+$/.test(name) ? name : [])), ...arrows];
};

const partsOf = (text: string, language: Language): Part[] =>
  language.isIndented === true
    ? partsByIndent(text)
    : partsByBraces(withoutComments(text), language.isBraceBelow === true);

const codeOf = (text: string, { isIndented }: Language): string =>
  isIndented === true ? text.replace(/(^|\s)#.*$/gm, '$1') : withoutComments(text);

const withoutComments = (text: string): string =>
  replaceBlocks(text, ['/*', '*/'], (block) => block.replace(/[^\n]/g, ' ')).replace(/(^|\s)\/\/.*$/gm, '$1');

/** The code directly within a named function, or outside of any. */
interface Part {
  readonly name: string | undefined;
  readonly text: string;
}

/** An arrow function without braces belongs to the name it is assigned to. */
const NAMED_ARROW =
  /([\w$]{1,100})\s{0,9}[:=]\s{0,9}(?:async\s{0,9})?(?:\([^()\n]{0,200}\)|[\w$]{1,100})\s{0,9}[=-]>\s{0,9}$/;
const MAX_BEFORE = 300;

const countOf = ({ text }: Part, exit: RegExp): number =>
  [...text.matchAll(exit)].filter(({ index }) => {
    const before = text.slice(Math.max(0, index - MAX_BEFORE), index);
    return !NAMED_ARROW.test(before) && !isListener(before.slice(before.lastIndexOf(';') + 1));
  }).length;

/** Called later and from outside, unless the event is the end of the program. */
const LISTENS =
  /\.(?:on|once|addListener|addEventListener|action)\s{0,9}\(\s{0,9}(?!["'`](?:exit|beforeExit|uncaught\w*|unhandled\w*)["'`])[^()]{0,200},?\s{0,9}(?:async\s{0,9})?(?:\([^()]{0,200}\)|[\w$]{0,100})\s{0,9}=>\s{0,9}$|\.(?:on|once|addListener|addEventListener|action)\s{0,9}\([^()]{0,200}function[^(){}]{0,100}\([^()]{0,200}\)\s{0,9}$/;
const isListener = (before: string): boolean => LISTENS.test(before);

/** The code that runs on load: everything outside functions, and the functions it calls, by name. */
const partsRunOnLoad = (parts: readonly Part[]) => {
  const byName = Map.groupBy(parts, ({ name }) => name);
  const called = new Set<string | undefined>([undefined, 'init']);
  const waiting = [undefined, 'init'].flatMap((name) => byName.get(name) ?? []);
  const run: Part[] = [];
  for (let part = waiting.pop(); part !== undefined; part = waiting.pop()) {
    run.push(part);
    for (const name of namesCalled(part.text)) {
      if (called.has(name)) continue;
      called.add(name);
      waiting.push(...(byName.get(name) ?? []));
    }
  }
  return { run, called };
};

const CALLED = /(?<![\w$])([\w$]{1,100})\s{0,9}(?:\?\.\s{0,9})?[(`]|\bnew\s{1,9}([\w$]{1,100})/g;
/** A function passed as an argument counts as called, unless it listens for outside events. */
const HANDED = /[(,]\s{0,9}([\w$]{1,100})\s{0,9}(?=[,)])/g;
const TO_A_LISTENER =
  /\.(?:on|once|addListener|addEventListener|action)\s{0,9}\(\s{0,9}(?!["'`](?:exit|beforeExit|uncaught\w*|unhandled\w*)["'`])[^()]{0,200}$/;

const namesCalled = (text: string): string[] => {
  const called = [...text.matchAll(CALLED)].map(([, name, made]) => name ?? made ?? '');
  const handed = [...text.matchAll(HANDED)].flatMap(({ index, 1: name = '' }) =>
    TO_A_LISTENER.test(text.slice(Math.max(0, index - MAX_BEFORE), index + 1)) ? [] : [name],
  );
  return [...called, ...handed];
};

/**
 * Python and Ruby: lines indented deeper than a `def` belong to it. Code that runs only as a program does
 * not run on load.
 */
const partsByIndent = (text: string): Part[] => {
  const parts = new Map<string | undefined, string[]>();
  const open: { readonly indent: number; readonly name: string }[] = [];
  for (const line of text.split('\n').map((one) => one.replace(/(?:^|\s)#.*$/, ''))) {
    const indent = line.search(/\S/);
    if (indent < 0) continue;
    while (indent <= (open.at(-1)?.indent ?? -1)) open.pop();
    const name = open.at(-1)?.name;
    const [, def] = /^\s*(?:async\s+)?def\s+(?:self\.)?(\w+)/.exec(line) ?? [];
    const isProgram = /^if\s+(?:__name__\s*==|__FILE__\s*==|\$0\s*==)/.test(line);
    if (def !== undefined || isProgram) {
      open.push({ indent, name: def ?? AS_PROGRAM });
      // The rest of the same line belongs to it.
      addTo(parts, def ?? AS_PROGRAM, line.slice(line.indexOf(':') + 1));
    } else addTo(parts, name, callsOf(line));
  }
  return [...parts].map(([name, lines]) => ({ name, text: lines.join('\n') }));
};
const AS_PROGRAM = ' as a program';
/** Ruby calls without parentheses. */
const callsOf = (line: string): string => (/^\s*\w+\s*$/.test(line) ? `${line}\n${line.trim()}()` : line);

const addTo = (parts: Map<string | undefined, string[]>, name: string | undefined, text: string): void => {
  const texts = parts.get(name) ?? [];
  texts.push(text);
  parts.set(name, texts);
};

const MAX_HEAD = 200;
/** Maximum number of blocks whose names are looked up; further ones count as run. */
const MAX_BLOCKS = 5000;
const CONTROL =
  /^(?:if|for|while|switch|catch|with|synchronized|when|function|func|fun|select|match|return|else)$/;
const ASSIGNED =
  /([\w$]+)["']?\s{0,9}(?::?=|:)\s{0,9}(?:async\s{0,9})?(?:func(?:tion)?\b[^=]*|\([^()=]*\)[^()=]*[=-]>|[\w$]+\s{0,9}[=-]>)\s*$/;
const DECLARED =
  /^[^=(]*\b(?:func(?:tion)?|fun|def)\b[\s*]{0,9}(?:\([^()]*\)\s{0,9})?(?:[\w$]+\.)?([\w$]+)\s{0,9}[(<[]/;
const METHOD = /(?:^|[\s*&:])([\w$#]+)\s{0,9}\([^()]*\)\s*(?:(?::|throws\b|const\b|noexcept\b)[^()]*)?$/;

interface Head {
  readonly name: string;
  /** Where it begins; the text before it is run. */
  readonly at: number;
}

/** The name of the function whose body follows; undefined for any other block. */
const functionBefore = (head: string): Head | undefined => {
  if (/\bconstructor\b/.test(head)) return undefined;
  if (isListener(head)) return { name: ' a listener', at: head.length };
  const assigned = ASSIGNED.exec(head);
  if (assigned !== null) return { name: assigned[1] ?? '', at: assigned.index };
  const declared = DECLARED.exec(head);
  if (declared !== null) return { name: declared[1] ?? '', at: 0 };
  const method = /[=-]>\s*$/.test(head) ? null : METHOD.exec(head);
  const [, name = ''] = method ?? [];
  return method === null || CONTROL.test(name) ? undefined : { name, at: method.index };
};

const IS_CALLED = /\s{0,9}\)?\s{0,9}(?:\(|\.(?:call|apply)\b)/y;

/**
 * Languages with braces. A function whose name is not recognized is part of the enclosing code, so it counts
 * as run.
 */
const partsByBraces = (code: string, isBraceBelow: boolean): Part[] => {
  const parts = new Map<string | undefined, string[]>();
  const open: { readonly name: string | undefined; readonly depth: number; readonly start: number }[] = [];
  let [name, from, start, depth]: [string | undefined, number, number, number] = [undefined, 0, 0, 0];
  let blocks = 0;
  const cut = (end: number, next: number): void => {
    if (end > from) addTo(parts, name, code.slice(from, end));
    from = next;
  };
  const enter = (at: number): void => {
    blocks += 1;
    open.push({ name, depth, start });
    const begin = Math.max(start, at - MAX_HEAD);
    const inner = blocks > MAX_BLOCKS ? undefined : functionBefore(code.slice(begin, at));
    if (inner !== undefined) {
      cut(begin + inner.at, at + 1);
      name = inner.name;
    }
    [start, depth] = [at + 1, 0];
  };
  const leave = (at: number): void => {
    const outer = open.pop();
    const inner = name;
    if (outer?.name !== inner) cut(at, at + 1);
    [name, depth, start] = [outer?.name, outer?.depth ?? 0, outer?.start ?? 0];
    IS_CALLED.lastIndex = at + 1;
    if (inner !== undefined && inner !== name && IS_CALLED.test(code)) addTo(parts, name, `${inner}()`);
    if (depth === 0) start = at + 1;
  };
  const isEnd = (sign: string, at: number): boolean =>
    depth <= 0 && (sign === ';' || (sign === '\n' && isEndOfLine(code, at, isBraceBelow)));
  for (let at = 0; at < code.length; at += 1) {
    const sign = code.charAt(at);
    if (SKIPPED.includes(sign)) at = sign === '/' ? endOfPattern(code, at) : endOfString(code, at);
    else if (sign === '{') enter(at);
    else if (sign === '}') leave(at);
    else if (isEnd(sign, at)) start = at + 1;
    else depth += DEPTH.get(sign) ?? 0;
  }
  cut(code.length, code.length);
  return [...parts].map(([one, texts]) => ({ name: one, text: texts.join('\n') }));
};

const SKIPPED = '"\'`/';
const DEPTH: ReadonlyMap<string, number> = new Map([
  ...['(', '['].map((sign) => [sign, 1] as const),
  ...[')', ']'].map((sign) => [sign, -1] as const),
]);

const BRACE_BELOW = /\s{0,100}\{/y;
const isEndOfLine = (code: string, at: number, isBraceBelow: boolean): boolean => {
  if (!/[\w)\]"'`]/.test(code.charAt(at - 1))) return false;
  BRACE_BELOW.lastIndex = at;
  return !isBraceBelow || !BRACE_BELOW.test(code);
};

/** A quote that does not open a string is taken literally. */
const endOfString = (code: string, start: number): number => {
  const quote = code.charAt(start);
  const isLong = quote === '`';
  for (let at = start + 1; at < Math.min(code.length, start + MAX_STRING); at += 1) {
    const sign = code.charAt(at);
    if (sign === '\\') at += 1;
    else if (sign === quote) return at;
    else if (sign === '\n' && !isLong) return start;
  }
  return start;
};
const MAX_STRING = 4000;

const endOfPattern = (code: string, start: number): number => {
  const before = code.slice(Math.max(0, start - MAX_BEFORE_PATTERN), start).trimEnd();
  if (!/(?:^|[(,=:[!&|?{};]|\breturn)$/.test(before)) return start;
  for (let at = start + 1; at < Math.min(code.length, start + MAX_STRING); at += 1) {
    const sign = code.charAt(at);
    if (sign === '\\') at += 1;
    else if (sign === '/') return at;
    else if (sign === '\n') return start;
  }
  return start;
};
const MAX_BEFORE_PATTERN = 20;
