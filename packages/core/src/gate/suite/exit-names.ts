/**
 * Constructs that let code end the program that loads it, or let its tests pass, without an obvious call: a
 * name that is imported, passed on or computed, or a redefined assertion or test. What happens to a name is
 * not traced: in product code that tests load, the name alone is reported.
 */
interface Words {
  readonly files: RegExp;
  /** Ways to end the program. */
  readonly exits: readonly RegExp[];
  /** Ways to alter the functions that tests use. */
  readonly patches: readonly RegExp[];
}

const PROCESS_MODULE = String.raw`["'\x60](?:node:)?process["'\x60]`;
const PROCESS = String.raw`\bprocess\s{0,9}`;

const WORDS: readonly Words[] = [
  {
    files: /\.[cm]?[jt]sx?$/,
    exits: [
      new RegExp(
        String.raw`\bimport\s[^;'"]{0,300}\{[^}]{0,300}\b(?:exit|reallyExit|exitCode)\b[^}]{0,300}\}\s{0,9}from\s{0,9}${PROCESS_MODULE}`,
        'g',
      ),
      new RegExp(
        String.raw`\bimport\s{1,9}(?:\*\s{0,9}as\s{1,9})?(?!process\b)[\w$]{1,100}\s{0,9}(?:,[^;'"]{0,300})?from\s{0,9}${PROCESS_MODULE}`,
        'g',
      ),
      new RegExp(
        String.raw`\{[^{}]{0,300}\b(?:exit|reallyExit)\b[^{}]{0,300}\}\s{0,9}=\s{0,9}[^;\n]{0,60}?(?:${PROCESS}(?:[;,\n)]|$)|${PROCESS_MODULE})`,
        'g',
      ),
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
  return (words?.[kind] ?? []).reduce((sum, pattern) => sum + (code.match(pattern)?.length ?? 0), 0);
};
