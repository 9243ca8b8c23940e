/**
 * Measures what a test file demands, from its text and in any language, to detect when it demands less:
 * cases, assertions word for word, skipped tests, and ways around an assertion. Comments do not count.
 */

import { replaceBlocks } from '../repository/project-files.ts';
import { assertionsIn, plain } from './assertions.ts';
import { exitNames } from './exit-names.ts';

interface TestMeasure {
  readonly cases: number;
  /** As compared, each with its line number. */
  readonly assertions: readonly { readonly text: string; readonly line: number }[];
  readonly skipped: number;
  /** Calls that end the program. */
  readonly ends: number;
  /** By case name: statements that may keep its assertions from having an effect. */
  readonly waysOut: ReadonlyMap<string, number>;
  /** Modules that are loaded. */
  readonly loads: ReadonlySet<string>;
  /** Names imported from them. */
  readonly imports: ReadonlySet<string>;
}

const CASES =
  /\b(?:it|test|describe|specify|scenario|context)(?:\.\w+){0,8}(?:\s*\(|[ \t]+["'])|\bdef\s+test\w*|\bfunc(?:tion)?\s+(?:[tT]est|Fuzz)\w*|#\[(?:\w+::)?test|@Test\b|@test\b|\[(?:Fact|Theory|Test|TestMethod|TestCase)\b|\b(?:TEST(?:_[FP]|_CASE)?|SCENARIO|BOOST_AUTO_TEST_CASE)\s*\(|^[ \t]*Scenario(?: Outline)?:/gm;
const SKIPPED = new RegExp(
  [
    String.raw`\b(?:it|test|describe|suite|context|specify|scenario|bench|t|this)(?:\.\w+){0,8}(?:\.|\[["'])(?:skip|only|todo|fails|failing|fixme|skipIf|runIf)\b`,
    String.raw`\bx(?:it|test|describe|context|specify|scenario)\b|\bf(?:it|describe|context)\s*\(|\bpending\s*\(`,
    String.raw`["']?\b(?:skip|todo|only|expectFailure)["']?\s*:|\bskip\s*\(|[{,]\s{0,9}(?:skip|todo|only|expectFailure)\s{0,9}(?=[,}])`,
    String.raw`\bskipTest\b|\bSkipTest\b|@(?:unittest|(?:pytest\.)?mark)\.(?:skip|xfail|expectedFailure)\w*|\bmark\.(?:skip|xfail)\w*`,
    String.raw`\bpytest\.(?:skip|xfail|importorskip)\b|\bcollect_ignore\w*|\b__test__\s*=\s*False`,
    String.raw`\.Skip(?:f|Now)?\(|#!?\[(?:cfg_attr\([^\]]{0,200})?ignore|#!?\[cfg\((?!test\))|#\[should_panic|@(?:Disabled|Ignore)\b|\bassume(?:That|True|False)\s*\(`,
    String.raw`\[(?:Ignore|Fact\(Skip|Theory\(Skip)|\bmarkTest(?:Skipped|Incomplete)\b|\bXCTSkip|@tag\s+:?skip|\.disabled\(`,
    String.raw`\bGTEST_SKIP\b|\bDISABLED_\w|@Ignored\b|\bskip_all\b|\bSKIP:|@test_(?:skip|broken)\b|^[ \t]*skip\b|^[ \t]*@(?:skip|wip|ignore)\b`,
  ].join('|'),
  'gm',
);
/** Comments that a compiler or a runner acts on. */
const OBEYED =
  /^[ \t]*(?:\/\/go:build|\/\/ \+build|\/\/\s*@ts-nocheck|\/\*\s*@(?:jest|vitest)-environment)/gm;
/** Ends a program before its tests have reported anything. */
const ENDED = new RegExp(
  [
    String.raw`\b(?:process|sys|os|syscall|unix|Deno|Bun|System|Process|Kernel|std::process)\s{0,9}(?:\?\.|\.|::)_?(?:exit!?|Exit|abort|kill|Kill|reallyExit|exec[lv]\w*)\s*(?:\?\.)?\(`,
    String.raw`\b(?:process|Deno|Bun)\s{0,9}\[\s{0,9}["'\x60](?:exit|abort|kill|reallyExit)\b|\bprocess\.exitCode\s*=`,
    String.raw`\bRuntime\.getRuntime\(\)\.(?:exit|halt)\s*\(|\bexitProcess\s*\(|\braise[ \t]+SystemExit\b|(?<![\w.])(?:_exit|_Exit|quick_exit)\s*\(|^[ \t]*exit\b`,
  ].join('|'),
  'gm',
);

const WAYS_OUT =
  /\breturn\b[ \t]*(?=[;}\n]|$)|\bcatch\b|^[ \t]*except\b|\brescue\b|\brecover\(|\b(?:if|while)[ \t]{0,2}\(?[ \t]{0,2}(?:false|False|0|!1)\b|\|\|[ \t]{0,2}(?:true\b|:)|\bsuppress\(|^[ \t]*del[ \t]+test|\bparametrize\([^)\n]{0,200},[ \t]{0,9}(?:\[[ \t]{0,9}\]|\([ \t]{0,9}\))|\bfor\b[^\n]{0,100}\b(?:of|in)[ \t]{0,9}\[[ \t]{0,9}\]/gm;
/** Replaces the tested code. */
const REPLACES =
  /\b(?:vi|jest)\.(?:do)?[mM]ock\(\s*["'`][.@~#]|\bmock\.module\(|\b(?:proxyquire|rewire)\b|\bsetattr\(|\bsys\.modules\b/g;
const LOADS =
  /(?:\bfrom|\bimport|\bimport\s*\(|\brequire\s*\(|\brequire_relative)\s*["'`](\.?[^"'`\n]{0,300})["'`]|^[ \t]*from[ \t]+([.\w]+)[ \t]+import\b/gm;

const measureTest = (text: string): TestMeasure => {
  const blanked = replaceBlocks(text, ['/*', '*/'], (block) => block.replace(/[^\n]/g, ''));
  const code = blanked.replace(/(^|\s)(?:\/\/|#(?!!?\[)).*$/gm, '$1');
  const count = (pattern: RegExp, of = code): number => of.match(pattern)?.length ?? 0;
  return {
    cases: count(CASES),
    assertions: assertionsIn(code),
    skipped: count(SKIPPED) + count(OBEYED, text),
    ends: count(ENDED),
    waysOut: waysOutOf(code),
    imports: new Set(importsOf(code)),
    loads: new Set([...code.matchAll(LOADS)].flatMap(([, quoted, module]) => module ?? local(quoted))),
  };
};

/** Under their local names, which assertions refer to. */
const importsOf = (code: string): string[] =>
  [...code.matchAll(IMPORTS)].flatMap(([, braced, taken, plainly]) =>
    (braced ?? taken ?? plainly ?? '').split(',').flatMap((one) => /([\w$]+)\s*$/.exec(one)?.[1] ?? []),
  );
const IMPORTS =
  /\bimport\s{1,9}(?:type\s{1,9})?(?:[\w$]{1,100}\s{0,9},\s{0,9})?\{([^}]{0,2000})\}\s{0,9}from\b|\{([^{}]{0,2000})\}\s{0,9}=\s{0,9}(?:await\s{1,9})?(?:require|import)\s{0,9}\(|^[ \t]{0,200}from[ \t]{1,9}[.\w]{1,200}[ \t]{1,9}import[ \t]{1,9}\(?([^)\n]{0,2000})/gm;

const local = (name = ''): string[] => (name.startsWith('.') ? [name] : []);

/** Code before the first case applies to all cases, under an empty name. */
const waysOutOf = (code: string): ReadonlyMap<string, number> => {
  const found = new Map<string, number>();
  const add = (name: string, part: string): void => {
    const ways = (part.match(WAYS_OUT)?.length ?? 0) + (part.match(REPLACES)?.length ?? 0);
    found.set(name, (found.get(name) ?? 0) + ways);
  };
  let [name, from] = ['', 0];
  for (const { index, 0: head } of code.matchAll(CASES)) {
    add(name, code.slice(from, index));
    [name, from] = [nameOf(code.slice(index, index + head.length + MAX_NAME_CHARACTERS), head), index];
  }
  add(name, code.slice(from));
  return found;
};

const MAX_NAME_CHARACTERS = 200;
const nameOf = (text: string, head: string): string => {
  if (/^(?:def|func)/.test(head)) return head;
  if (/[("'`]$/.test(head)) {
    const [, , quoted, plainly] = /^[\w.]+[\s(]*(?:(["'`])((?:(?!\1)[^\n])*)\1|([^)\n]*))/.exec(text) ?? [];
    return quoted ?? plainly ?? head;
  }
  return /\b(\w+)\s*\(/.exec(text.slice(head.length))?.[1] ?? head;
};

const isUsed = (name: string, text: string): boolean =>
  new RegExp(String.raw`(?<![\w$])${name.replaceAll('$', String.raw`\$`)}(?![\w$])`).test(text);

const SHOWN_CHARACTERS = 100;

/** What a test file has less of than before; undefined if nothing. */
export const reductionOf = (wasText: string, isText: string): string | undefined => {
  const [was, is] = [measureTest(wasText), measureTest(isText)];
  const lost = lostOf(was.assertions, is.assertions);
  const [first] = lost;
  const passed = [...is.waysOut].filter(([name, ways]) => ways > (was.waysOut.get(name) ?? ways));
  const rebound = [...was.imports].filter((name) => !is.imports.has(name) && isUsed(name, isText));
  const unloaded = [...was.loads].filter((name) => !is.loads.has(name));
  const parts = [
    ...(is.cases < was.cases ? [`${was.cases} → ${is.cases} tests`] : []),
    ...(first === undefined
      ? []
      : [
          `${lost.length} of ${was.assertions.length} assertions gone or changed, the first in line ${first.line}: \`${first.text.slice(0, SHOWN_CHARACTERS)}\``,
        ]),
    ...(is.skipped > was.skipped ? [`${was.skipped} → ${is.skipped} skipped`] : []),
    ...(is.ends > was.ends ? [`${was.ends} → ${is.ends} calls that end the program`] : []),
    ...passed.slice(0, 1).map(([name]) => `a way past assertions${name === '' ? '' : ` of ${plain(name)}`}`),
    ...rebound.slice(0, 1).map((name) => `${name} is not what was imported any more`),
    ...unloaded.slice(0, 1).map((name) => `${name} is not loaded any more`),
  ];
  return parts.length === 0 ? undefined : parts.join(', ');
};

/** Assertions that occur less often than before. */
const lostOf = (was: TestMeasure['assertions'], is: TestMeasure['assertions']): TestMeasure['assertions'] => {
  const left = new Map<string, number>();
  for (const { text } of is) left.set(plain(text), (left.get(plain(text)) ?? 0) + 1);
  return was.filter(({ text }) => {
    const count = left.get(plain(text)) ?? 0;
    left.set(plain(text), count - 1);
    return count <= 0;
  });
};

/** Whether a runner may find a test in it, as far as its words tell. */
export const hasCases = (text: string): boolean => text.search(CASES) >= 0 || assertionsIn(text).length > 0;

/** Whether a new test file ends or alters the run of the tests beside it. */
export const endsOthers = (path: string, text: string): boolean =>
  measureTest(text).ends > 0 || exitNames(path, text) > 0 || /\bfunc\s+TestMain\b/.test(text);

/** Whether the new text only adds lines to the old. */
export const isOnlyMore = (was: string, is: string): boolean => {
  if (reductionOf(was, is) !== undefined) return false;
  const lines = is.split('\n').map((line) => line.trim());
  let at = 0;
  return was
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .every((line) => {
      at = lines.indexOf(line, at) + 1;
      return at > 0;
    });
};

const DOCTEST = /^[ \t]*>>> .*\n.*$/gm;

/** The tests inside a product file. */
export const testsWithin = (path: string, text: string): string => {
  if (path.endsWith('.py'))
    return (text.match(DOCTEST) ?? []).map((one) => `assert ${one.replace('\n', ' ')}`).join('\n');
  const starts = ['#[cfg(test)]', '#[test]', '#[tokio::test]']
    .map((sign) => text.indexOf(sign))
    .filter((at) => at >= 0);
  return starts.length === 0 ? '' : text.slice(Math.min(...starts));
};
