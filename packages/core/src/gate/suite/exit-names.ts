/**
 * Constructs that let code end the program that loads it, or let its tests pass, without an obvious call: a
 * name that is imported, passed on or computed, or a redefined assertion or test. What happens to a name is
 * not traced: in product code that tests load, the name alone is reported.
 */
interface Words {
  readonly files: RegExp;
  /** Ways to end the program. At most one bounded run in each pattern: two of them take minutes on hostile text. */
  readonly exits: readonly (RegExp | ((code: string) => number))[];
  /** Ways to alter the functions that tests use. */
  readonly patches: readonly RegExp[];
}

const PROCESS_MODULE = String.raw`["'\x60](?:node:)?process["'\x60]`;
const PROCESS = String.raw`\bprocess\s{0,9}`;

const EXIT = /\b(?:exit|reallyExit|exitCode)\b/;
/** Characters of a statement that are looked at. */
const MAX_STATEMENT = 600;

/** `import … from 'process'` of an exit, or under another name. */
const importsOfProcess = (code: string): number =>
  [...code.matchAll(FROM_PROCESS)].filter(({ index }) => {
    const before = code.slice(Math.max(0, index - MAX_STATEMENT), index);
    const start = before.lastIndexOf('import');
    if (start < 0) return false;
    const clause = before.slice(start + 'import'.length).trim();
    const braces = clause.indexOf('{');
    const [outside, inside] = braces < 0 ? [clause, ''] : [clause.slice(0, braces), clause.slice(braces)];
    const name = OWN_NAME.exec(outside)?.[1];
    return (name !== undefined && name !== 'process') || EXIT.test(inside);
  }).length;

const FROM_PROCESS = new RegExp(String.raw`\bfrom\s{0,9}${PROCESS_MODULE}`, 'g');
const OWN_NAME = /^(?:\*\s{0,9}as\s{1,9})?([\w$]{1,100})/;

/** `const { exit } = process`, also of a required or imported module. */
const exitsTakenFrom = (code: string): number =>
  [...code.matchAll(/\}\s{0,9}=(?![=>])/g)].filter(({ index, 0: { length } }) => {
    const before = code.slice(Math.max(0, index - MAX_STATEMENT), index);
    const taken = before.slice(before.lastIndexOf('{') + 1);
    if (taken.includes('}') || !EXIT.test(taken)) return false;
    const after = code.slice(index + length, index + length + MAX_SOURCE);
    return WHOLE_PROCESS.test(/^[^;\n]*/.exec(after)?.[0] ?? '');
  }).length;

const MAX_SOURCE = 100;
const WHOLE_PROCESS = new RegExp(String.raw`\bprocess\s{0,9}(?:[,)]|$)|${PROCESS_MODULE}`);

const WORDS: readonly Words[] = [
  {
    files: /\.[cm]?[jt]sx?$/,
    exits: [
      (code) => importsOfProcess(code) + exitsTakenFrom(code),
      new RegExp(
        String.raw`(?<!\bprocess|\})\s{0,9}=\s{0,9}(?:await\s{1,9})?(?:require|import)\s{0,9}\(\s{0,9}${PROCESS_MODULE}`,
        'g',
      ),
      new RegExp(
        String.raw`${PROCESS}(?:\??\.)\s{0,9}(?:exit|reallyExit)\b(?!\s{0,9}(?:\(|\?\.\s{0,9}\())`,
        'g',
      ),
      // Computed, except for a plain name.
      new RegExp(String.raw`${PROCESS}(?:\?\.\s{0,9})?\[\s{0,9}(?!["']\w{1,40}["']\s{0,9}\])`, 'g'),
      new RegExp(
        String.raw`\b(?:Reflect|Object)\s{0,9}\.\s{0,9}\w{1,40}\s{0,9}\(\s{0,9}[^()\n]{0,60}${PROCESS}[,)]`,
        'g',
      ),
      // Assigned to another name.
      new RegExp(
        String.raw`[\w$]\s{0,9}=\s{0,9}(?:(?:globalThis|global)\s{0,9}\.\s{0,9})?${PROCESS}(?=[;,\n)]|$)`,
        'g',
      ),
      /\b(?:globalThis|global)\s{0,9}\[/g,
    ],
    patches: [
      /\b(?:assert(?:\.strict)?|expect|chai|should|describe|it|test)\s{0,9}(?:\.\s{0,9}\w{1,40}|\[[^\]\n]{1,60}\])\s{0,9}=(?![=>])/g,
      /\bObject\s{0,9}\.\s{0,9}(?:assign|defineProperty|defineProperties)\s{0,9}\(\s{0,9}(?:assert|expect|chai)\b/g,
      /\b(?:globalThis|global)\s{0,9}\.\s{0,9}(?:assert|expect|describe|it|test)\s{0,9}=(?![=>])/g,
    ],
  },
  {
    files: /\.py$/,
    exits: [
      /^[ \t]{0,200}from\s{1,9}(?:os|sys|builtins)\s{1,9}import\s[^\n]{0,300}\b(?:_exit|exit|quit)\b/gm,
      /^[ \t]{0,200}import\s[^\n]{0,300}\b(?:os|sys|builtins)\s{1,9}as\s{1,9}\w/gm,
      /\b(?:sys\s{0,9}\.\s{0,9}exit|os\s{0,9}\.\s{0,9}_exit)\b(?!\s{0,9}\()/g,
      /\bgetattr\s{0,9}\(\s{0,9}(?:sys|os|builtins)\b/g,
      /^[ \t]{0,200}pytest_plugins\b/gm,
    ],
    patches: [
      /\bSkipTest\b|\bpytest\s{0,9}\.\s{0,9}(?:exit|skip|xfail|importorskip)\b|\bfrom\s{1,9}pytest\s{1,9}import\b/g,
      /\bTestCase\s{0,9}\.\s{0,9}\w{1,60}\s{0,9}=(?!=)/g,
      /\bsetattr\s{0,9}\(\s{0,9}(?:unittest|pytest|TestCase)\b/g,
      /\b(?:unittest|pytest)(?:\s{0,9}\.\s{0,9}\w{1,60}){1,5}\s{0,9}=(?!=)/g,
    ],
  },
  {
    files: /\.rb$/,
    exits: [/(?<!:):(?:_?exit|exit!)(?![\w?])/g],
    patches: [/\bmodule\s+(?:Minitest::)?Assertions\b|\bclass\s+(?:Minitest|RSpec)::/g],
  },
  {
    files: /\.go$/,
    exits: [
      /\b(?:os|syscall|unix)\.Exit\b(?!\s{0,9}\()/g,
      /^[ \t]{0,200}(?:import[ \t]{1,9})?[\w.]{1,40}[ \t]{1,9}"(?:os|syscall|golang\.org\/x\/sys\/unix)"/gm,
    ],
    patches: [],
  },
  {
    files: /\.(?:java|kts?|scala|groovy)$/,
    exits: [
      /\bSystem\s{0,9}::\s{0,9}exit\b|\bimport\s+static\s+java\.lang\.(?:System|Runtime)\.(?:exit|halt|\*)|\bimport\s+java\.lang\.System\.(?:exit|\*)/g,
    ],
    patches: [],
  },
  {
    files: /\.(?:c|cc|cpp|cxx|h|hpp|mm?)$/,
    exits: [/(?<![\w.])(?:_exit|_Exit|quick_exit)\b(?!\s{0,9}\()/g],
    patches: [
      /^[ \t]*#[ \t]*(?:define|undef)[ \t]+(?:assert|static_assert|NDEBUG|(?:ASSERT|EXPECT|CHECK|REQUIRE)\w*)\b/gm,
    ],
  },
];

export const exitNames = (path: string, code: string): number => countOf(path, code, 'exits');
export const testPatches = (path: string, code: string): number => countOf(path, code, 'patches');

const countOf = (path: string, code: string, kind: 'exits' | 'patches'): number => {
  const words = WORDS.find(({ files }) => files.test(path));
  return (words?.[kind] ?? []).reduce(
    (sum, one) => sum + (typeof one === 'function' ? one(code) : (code.match(one)?.length ?? 0)),
    0,
  );
};
